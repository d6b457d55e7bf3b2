"""Solver profiles: PETSc options by name from solvers/*.yaml, so that users tune there, not here.

Options are checked against an allow-list of prefixes: some PETSc options write files.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from ruamel.yaml import YAML

from heart.core.errors import ScenarioError, UnsafeInputError
from heart.core.paths import packaged

ALLOWED = ("ksp_", "pc_", "mg_", "sub_", "fieldsplit_", "snes_", "mat_mumps_", "mat_type")
REFUSED = ("view", "monitor", "file", "log")


@dataclass(frozen=True)
class Profile:
    """A named set of PETSc options and what it is good for."""

    name: str
    purpose: str
    petsc: dict[str, str | int | float]


@cache
def load(name: str) -> Profile:
    """Read the profile ``solvers/<name>.yaml``.

    Raises
    ------
    ScenarioError
        No such profile.
    UnsafeInputError
        An option that is not allowed.
    """
    folder = packaged("solvers")
    path = folder / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in folder.glob("*.yaml")))
        raise ScenarioError(f"no solver profile {name!r}", expected=f"one of {known}")
    data = YAML(typ="safe").load(path)
    options = dict(data["petsc"])
    for key in options:
        if not key.startswith(ALLOWED) or any(word in key for word in REFUSED):
            raise UnsafeInputError(f"PETSc option {key!r} is not allowed", where=path.name)
    return Profile(name=name, purpose=str(data["purpose"]), petsc=options)
