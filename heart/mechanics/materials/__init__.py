"""Passive muscle: each law is one energy, one file, and its documented parameters."""
