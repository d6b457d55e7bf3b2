"""Where the packaged folders meshes/, solvers/ and scenarios/ are, installed or in a checkout."""

from __future__ import annotations

from pathlib import Path

from heart.core.errors import ScenarioError, UnsafeInputError

PACKAGE = Path(__file__).resolve().parents[1]


def packaged(folder: str) -> Path:
    """Return the folder `folder` as shipped in the wheel, or at the root of the checkout."""
    for root in (PACKAGE / "_data", PACKAGE.parent):
        if (root / folder).is_dir():
            return root / folder
    raise ScenarioError(f"the packaged folder {folder}/ is missing", fix="reinstall heart-twin")


def inside(path: Path, root: Path, *, where: str = "") -> Path:
    """Resolve `path` and return it when it is a regular file below `root`.

    Raises
    ------
    UnsafeInputError
        The path, after following links, leaves `root` or is not a regular file.
    ScenarioError
        There is no such file.
    """
    resolved, base = path.resolve(), root.resolve()
    if not resolved.is_relative_to(base):
        raise UnsafeInputError(
            f"{path.name!r} lies outside the folder of its case",
            where=where,
            fix="put the file beside the YAML that names it",
        )
    if not resolved.exists():
        raise ScenarioError(f"no such file: {path.name!r}", where=where)
    if not resolved.is_file():
        raise UnsafeInputError(f"{path.name!r} is not a regular file", where=where)
    return resolved
