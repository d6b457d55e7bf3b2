"""Discrete building blocks without physiology: P1 spaces, linear solves, eikonal, fields on disk."""
