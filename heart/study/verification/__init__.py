"""Benchmarks with closed forms, published ranges or drawn volumes, as a user can run them.

Each returns rows of ours beside the reference with a gate; `registry.REGISTRY` names them all.
Nothing is imported here, so that asking for one benchmark does not load the others' libraries.
"""
