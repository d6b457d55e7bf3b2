"""A body in time: with inertia, or equilibrium after equilibrium; tension by curve or by law."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from dolfinx import fem
from mpi4py import MPI
from numpy.typing import NDArray

from heart.core.errors import CheckpointError
from heart.mechanics.active import ActiveStress
from heart.mechanics.contraction import Contraction, QuasiStatic
from heart.mechanics.curves import (
    LEFT_OF_TWO,
    RIGHT_OF_TWO,
    Course,
    Curve,
    PressureLaw,
    TensionLaw,
)
from heart.mechanics.dynamic import Drive, DynamicProblem, Pressure
from heart.mechanics.feedback import Muscle, Scheme, TensionField
from heart.mechanics.generalised_alpha import generalised_alpha
from heart.mechanics.loads import FollowerPressure, Load
from heart.mechanics.space import MechanicsSpace
from heart.mechanics.static import StaticProblem
from heart.mechanics.tension_law import REGISTRY
from heart.scenario.mechanics import MechanicsScenario
from heart.scenario.mechanics_curves import BenchmarkPressure, PressureTable, values_of
from heart.scenario.mechanics_dynamics import (
    Active,
    BenchmarkTension,
    LawTension,
    RampTension,
    TableTension,
    TimeSection,
)
from heart.study.mechanics.activation import activation_of
from heart.study.mechanics.model import model_of, supports_of
from heart.study.mechanics.numbering import Numbering
from heart.study.mechanics.specimen import Specimen

Float = NDArray[np.float64]
Arrays = dict[str, NDArray[Any]]

_ENDS = {"single": PressureLaw(), "left": LEFT_OF_TWO, "right": RIGHT_OF_TWO}


class Marching:
    """A problem in time with what a run needs to note, keep and put back.

    Attributes
    ----------
    problem
        The muscle alone, with its state.
    advancing
        What a stepper drives.
    """

    def __init__(
        self,
        scenario: MechanicsScenario,
        section: TimeSection,
        specimen: Specimen,
        space: MechanicsSpace,
    ) -> None:
        self.section = section
        until = section.duration
        self._courses = {
            name: course_of(curve, until) for name, curve in scenario.loads.curves.items()
        }
        tension = Tension(scenario.active, space, until)
        model = model_of(scenario, specimen, space, tension.stress)
        axes = specimen.axes(space)
        supports = supports_of(scenario, specimen, space)
        if section.scheme == "generalised_alpha":
            loads = [
                Pressure(tag, course)
                for name, course in self._courses.items()
                for tag in specimen.tags(name)
            ]
            moving = DynamicProblem(
                model, space, axes, [*supports, *loads], tension.drives,
                generalised_alpha(section.alpha_m, section.alpha_f),
            )  # fmt: skip
            self.problem: Any = moving
            self._functions = {
                "state": moving.present,
                "velocity": moving.velocity,
                "acceleration": moving.acceleration,
            }
            unknown = moving.middle
            self._inner: Any = moving
        else:
            constants: dict[Any, Callable[[float], float]] = {}
            pressed: list[Load] = []
            for name, course in self._courses.items():
                for tag in specimen.tags(name):
                    constant = fem.Constant(space.mesh, course(0.0))
                    constants[constant] = course
                    pressed.append(FollowerPressure(tag, constant))
            for drive in tension.drives:
                drive.constant.value = drive.course(0.0)
                constants[drive.constant] = drive.course
            resting = StaticProblem(model, space, axes, [*supports, *pressed])
            self.problem = resting
            self._functions = {"state": resting.state}
            unknown = resting.u
            self._inner = QuasiStatic(resting, constants)
        self._tension, self._muscle = tension, tension.muscle(unknown, axes, specimen)
        self.advancing: Any = (
            self._inner if self._muscle is None else Contraction(self._inner, self._muscle)
        )

    @property
    def state(self) -> Any:
        """Function that holds the displacement of the last accepted state."""
        return self._functions["state"]

    @property
    def time(self) -> float:
        """Time of the last accepted state in ms."""
        return float(self._inner.time)

    def pressures(self) -> dict[str, float]:
        """Return the pressures at the present time, in kPa."""
        return {name: course(self.time) for name, course in self._courses.items()}

    @property
    def tension(self) -> float:
        """Tension in kPa now: of the curve, or the mean over the muscle. Collective."""
        if self._muscle is None:
            return sum(drive.course(self.time) for drive in self._tension.drives)
        own = _owned(self._muscle)
        space = self.problem.space
        total = space.comm.allreduce(np.array([own.sum(), own.size]), op=MPI.SUM)
        return float(total[0] / max(total[1], 1.0))

    def snapshot(self, numbering: Numbering) -> Arrays:
        """Return everything that the next step needs, in global order. Collective."""
        arrays: Arrays = {"time": np.array(self.time)}
        for name, function in self._functions.items():
            for part, values in numbering.arrays(function).items():
                arrays[f"{name}/{part}"] = values
        if self._muscle is not None:
            states = np.vstack([self._muscle.states, self._muscle.stretch, self._muscle.tension])
            arrays["muscle"] = numbering.gather_points(states)
        return arrays

    def restore(self, numbering: Numbering, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Put back what `snapshot` returned, on any number of ranks. Collective.

        Raises
        ------
        CheckpointError
            It is of another mesh, element or law.
        """
        for name, function in self._functions.items():
            prefix = f"{name}/"
            parts = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
            numbering.put(function, parts)
        time = float(arrays["time"])
        if isinstance(self._inner, QuasiStatic):
            self._inner = QuasiStatic(self.problem, self._inner.pressures, time)
            self._inner.restore()
        else:
            self._inner.time = time
        if self._muscle is not None:
            rows = numbering.local_points(np.asarray(arrays["muscle"]))
            if len(rows) != len(self._muscle.states) + 2:
                raise CheckpointError("states are of another law of tension", where="checkpoint")
            self._muscle.states, self._muscle.stretch = rows[:-2].copy(), rows[-2].copy()
            self._muscle.tension = rows[-1].copy()
            self.advancing = Contraction(self._inner, self._muscle)
        else:
            self.advancing = self._inner


class Tension:
    """Active tension of a scenario in time: a constant that follows a course, or a field."""

    def __init__(self, section: Active, space: MechanicsSpace, until: float) -> None:
        self._section = section
        self.stress: ActiveStress | None = None
        self.drives: list[Drive] = []
        self._field: TensionField | None = None
        if isinstance(section, RampTension):
            return
        if isinstance(section, LawTension):
            self._field = TensionField.on(space)
            self.stress = self._field.stress(section.sheet, section.normal)
            return
        constant = fem.Constant(space.mesh, 0.0)
        course = _tension_course(section, until)
        self.stress = ActiveStress(constant, section.sheet, section.normal)
        self.drives = [Drive(constant, course)]

    def muscle(self, displacement: Any, axes: Any, specimen: Specimen) -> Muscle | None:
        """Return the law at all points, each with its activation; None for a course."""
        section = self._section
        if self._field is None or not isinstance(section, LawTension):
            return None
        law: Any = REGISTRY[section.law]
        values = values_of(law.PARAMETERS, section.parameters, section.law)
        times: Any = activation_of(section.activation, specimen)
        if isinstance(times, np.ndarray):
            times = self._field.points.of_vertices(times)
        return Muscle(
            law(**values), self._field, displacement, axes,
            activation=times, scheme=Scheme(section.coupling),
        )  # fmt: skip


def course_of(curve: PressureTable | BenchmarkPressure, until: float) -> Course:
    """Return a pressure in time."""
    if isinstance(curve, PressureTable):
        return _table(curve.times, curve.values)
    base = _ENDS[curve.ventricle]
    given = values_of(PressureLaw.PARAMETERS, curve.parameters, "the benchmark's pressure")
    names = PressureLaw.PARAMETERS
    return Curve(PressureLaw(**{name: getattr(base, name) for name in names} | given), until)


def _tension_course(section: TableTension | BenchmarkTension, until: float) -> Course:
    if isinstance(section, TableTension):
        return _table(section.times, section.values)
    given = values_of(TensionLaw.PARAMETERS, section.parameters, "the benchmark's tension")
    return Curve(TensionLaw(**given), until)


def _table(times: tuple[float, ...], values: tuple[float, ...]) -> Course:
    at, what = np.array(times), np.array(values)

    def course(time: float) -> float:
        return float(np.interp(time, at, what))

    return course


def _owned(muscle: Muscle) -> Float:
    """Return the tension at the points of cells that this rank owns."""
    points = muscle.field.points
    layout = points.space.mesh.topology.index_map(3)
    return muscle.tension[: layout.size_local * len(points.rule)]
