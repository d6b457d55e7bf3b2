"""Electrophysiology of a heart or a piece of muscle: build, run, branch, write down."""
