"""Electrophysiology: conduction velocities, conduction diseases, activation."""
