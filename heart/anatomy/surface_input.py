"""Surfaces that users bring: files to one closed, tagged surface in millimetres."""

from __future__ import annotations

from heart.anatomy.case import Case
from heart.anatomy.surface import Surface
from heart.core.errors import MeshInputError


def read_surface(case: Case) -> tuple[Surface, list[str]]:
    """Return the closed surface of a case and what was changed to close it."""
    raise MeshInputError(f"case {case.name} has no surface that can be read")
