"""Mechanics of the muscle: constitutive laws, loads, and the problems made of them."""
