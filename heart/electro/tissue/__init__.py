"""Reaction-diffusion in tissue: monodomain, bidomain, and how they are stepped in time."""
