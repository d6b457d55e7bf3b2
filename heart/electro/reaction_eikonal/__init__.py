"""Activation by the eikonal equation that triggers cell models, with diffusion for recovery."""
