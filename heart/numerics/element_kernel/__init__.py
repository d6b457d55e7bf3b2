"""Kernels: residual and tangent of the cells as C that is written for its law and element."""
