"""How the reaction–diffusion equation is stepped: choices with names, read from solvers/electro.

A scheme is numerics only: the same scenario with another scheme has to give the same heart within
the error that the scheme's page states.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any

from ruamel.yaml import YAML

from heart.core.errors import ParameterError, ScenarioError
from heart.core.parameters import Parameter
from heart.core.paths import packaged
from heart.core.units import parse
from heart.core.validation import did_you_mean
from heart.electro.ionic.kernel import Method, Precision

PARAMETERS: dict[str, Parameter] = {
    "dt": Parameter(0.02, "ms", 1e-4, 5.0, "assumed", "activation error ≤ 0.1 ms at 0.02"),
    "tolerance": Parameter(1e-2, "mV", 1e-14, 0.1, "assumed", "activation to 0.002 ms"),
    "threshold": Parameter(1.0, "mV/ms", 1e-3, 50.0, "assumed", "below it a block is quiet"),
}


class Splitting(Enum):
    """How reaction and diffusion alternate.

    GODUNOV takes one after the other, first order; STRANG centres them, second order
    [Strang1968]; UNSPLIT has the ionic current in the diffusion step, as SVI and BDF2 need it.
    """

    GODUNOV = "godunov"
    STRANG = "strang"
    UNSPLIT = "unsplit"


class Diffusion(Enum):
    """Time stepping of diffusion."""

    IMPLICIT_EULER = "implicit_euler"
    CRANK_NICOLSON = "crank_nicolson"
    BDF2 = "bdf2"
    RKC = "rkc"


class Interpolation(Enum):
    """What is interpolated inside an element: nodal currents, or states and voltage."""

    IONIC_CURRENT = "ionic_current"
    STATE_VARIABLE = "state_variable"


@dataclass(frozen=True)
class Multirate:
    """Cells far from any wave take one long step where those near it take many.

    Attributes
    ----------
    every
        Short steps in a long one; even, so that the long one is centred.
    threshold
        mV/ms: a block of cells is quiet while its voltage and that of its neighbours changes less.
    """

    every: int = 10
    threshold: float = PARAMETERS["threshold"].value

    def __post_init__(self) -> None:
        if self.every < 2 or self.every % 2:
            raise ParameterError(
                f"multirate: every = {self.every}", expected="an even number of short steps"
            )
        PARAMETERS["threshold"].check(self.threshold, name="multirate: threshold")


@dataclass(frozen=True)
class Scheme:
    """All numerical choices of a tissue run.

    Attributes
    ----------
    dt
        Time step in ms.
    splitting, diffusion, interpolation
        See the enums.
    lumped
        Use row sums of the mass: monotone, needed by RKC, slower waves on coarse meshes.
    tolerance
        Largest Jacobi-scaled residual of an implicit diffusion step, in mV.
    prediction
        Degree in time of the start of an implicit step, 0 to 2.
    method, precision
        Of the cells.
    single
        Keep off-diagonal matrix entries in single precision.
    multirate
        Longer steps for quiet cells; None for the same step everywhere.
    check_every
        Steps between tests of the fields.

    Raises
    ------
    ParameterError
        Choices that exclude each other, or a step or tolerance that is not plausible.
    """

    dt: float = PARAMETERS["dt"].value
    splitting: Splitting = Splitting.STRANG
    diffusion: Diffusion = Diffusion.CRANK_NICOLSON
    interpolation: Interpolation = Interpolation.IONIC_CURRENT
    lumped: bool = False
    tolerance: float = PARAMETERS["tolerance"].value
    prediction: int = 2
    method: Method = Method.GRL1
    precision: Precision = Precision.DOUBLE
    single: bool = True
    multirate: Multirate | None = None
    check_every: int = 100

    def __post_init__(self) -> None:
        PARAMETERS["dt"].check(self.dt, name="scheme: dt")
        PARAMETERS["tolerance"].check(self.tolerance, name="scheme: tolerance")
        if self.prediction not in (0, 1, 2):
            raise ParameterError(f"prediction of degree {self.prediction}", expected="0, 1 or 2")
        if self.check_every < 1:
            raise ParameterError(f"check_every = {self.check_every}", expected="at least 1")
        unsplit = self.splitting is Splitting.UNSPLIT
        for wrong, what, fix in (
            (self.diffusion is Diffusion.RKC and not self.lumped,
             "explicit diffusion (rkc) with a consistent mass", "lump the mass"),
            (self.diffusion is Diffusion.RKC and unsplit,
             "explicit diffusion (rkc) without splitting", "split with strang or godunov"),
            (self.diffusion is Diffusion.BDF2 and not unsplit,
             f"bdf2 with {self.splitting.value} splitting", "write splitting: unsplit"),
            (self.interpolation is Interpolation.STATE_VARIABLE and not unsplit,
             f"state-variable interpolation with {self.splitting.value} splitting",
             "write splitting: unsplit"),
            (self.interpolation is Interpolation.STATE_VARIABLE and self.lumped,
             "state-variable interpolation with a lumped mass", "use the consistent mass"),
            (self.multirate is not None and unsplit,
             "multirate cells without splitting", "split with strang or godunov"),
        ):  # fmt: skip
            if wrong:
                raise ParameterError(f"scheme has {what}", fix=fix)


_CHOICES: dict[str, type[Enum]] = {
    "splitting": Splitting,
    "diffusion": Diffusion,
    "interpolation": Interpolation,
    "method": Method,
    "precision": Precision,
}
_NUMBERS = {"dt": "ms", "tolerance": "mV"}
_PLAIN: dict[str, type] = {
    "lumped": bool, "prediction": int, "single": bool, "check_every": int
}  # fmt: skip


@cache
def load(name: str) -> Scheme:
    """Read ``solvers/electro/<name>.yaml``.

    Raises
    ------
    ScenarioError
        No such scheme, an unknown key, or a value that is none of the choices.
    """
    folder = packaged("solvers") / "electro"
    path = folder / f"{name.removeprefix('electro/')}.yaml"
    known = sorted(one.stem for one in folder.glob("*.yaml"))
    if path.stem not in known:
        raise ScenarioError(f"no scheme {name!r}", fix=did_you_mean(path.stem, known))
    return read(YAML(typ="safe").load(path), path.name)


def read(data: dict[str, Any], where: str) -> Scheme:
    """Return the scheme of a mapping as it stands in YAML; `purpose` is for people."""
    values: dict[str, Any] = {}
    for key, value in data.items():
        place = f"{where}: {key}"
        if key in _CHOICES:
            values[key] = _chosen(_CHOICES[key], value, place)
        elif key in _NUMBERS:
            values[key] = parse(value, _NUMBERS[key], where=place)
        elif key in _PLAIN:
            if type(value) is not _PLAIN[key]:
                raise ScenarioError(f"{value!r}", where=place, expected=_PLAIN[key].__name__)
            values[key] = value
        elif key == "multirate":
            values[key] = _multirate(value, place)
        elif key != "purpose":
            names = [*_CHOICES, *_NUMBERS, *_PLAIN, "multirate", "purpose"]
            raise ScenarioError(
                f"unknown key {key!r}", where=where, fix=did_you_mean(str(key), names)
            )
    return Scheme(**values)


def _chosen(choices: type[Enum], value: object, where: str) -> Enum:
    for one in choices:
        if one.value == value or one.name.lower() == value:
            return one
    names = ", ".join(one.name.lower() for one in choices)
    raise ScenarioError(f"{value!r} is no choice", where=where, expected=f"one of {names}")


def _multirate(value: Any, where: str) -> Multirate | None:
    if value is None:
        return None
    if not isinstance(value, dict) or not set(value) <= {"every", "threshold"}:
        raise ScenarioError(f"{value!r}", where=where, expected="every and threshold")
    given: dict[str, Any] = {}
    if "every" in value:
        if type(value["every"]) is not int:
            raise ScenarioError(f"{value['every']!r}", where=f"{where}: every", expected="int")
        given["every"] = value["every"]
    if "threshold" in value:
        given["threshold"] = parse(value["threshold"], "mV/ms", where=f"{where}: threshold")
    return Multirate(**given)
