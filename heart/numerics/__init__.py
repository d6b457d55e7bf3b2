"""Discrete building blocks without physiology: P1 spaces, solves, eikonal, fields on disk."""
