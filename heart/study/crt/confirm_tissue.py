"""The nominal heart of a screen as tissue: cells, and conductivities for the screen's speeds.

A monodomain gets conductivities tuned in a block of the mesh's own kind and edge length (on a
strand where the mesh has no kind), the fast endocardium as a surface that conducts better
(`heart.electro.tissue.sheet`). In the reaction-eikonal model the speeds are the screen's own,
sheet included.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.block import Grain
from heart.anatomy.heart_mesh import Boundary, Tissue
from heart.core.progress import Telemetry
from heart.electro.activation import BORDER, ActivationModel
from heart.electro.conduction import ConductionState
from heart.electro.ionic.population import CellLayout
from heart.electro.ionic.registry import cell_model
from heart.electro.reaction_eikonal.excitation import Excitation
from heart.electro.reaction_eikonal.problem import ReactionEikonal, Waves
from heart.electro.reaction_eikonal.scheme import ReactionEikonalScheme
from heart.electro.reaction_eikonal.strand import measured
from heart.electro.tissue import scheme as schemes
from heart.electro.tissue.conductivity import REGISTRY, tensors
from heart.electro.tissue.model import MonodomainModel
from heart.electro.tissue.monodomain import Monodomain
from heart.electro.tissue.octant import AMPLITUDE, DURATION
from heart.electro.tissue.scheme import Scheme
from heart.electro.tissue.sheet import tune_sheet, with_sheet
from heart.electro.tissue.space import TissueSpace
from heart.electro.tissue.stimulus import TissueStimulus
from heart.electro.tissue.tuning import tune
from heart.electro.velocity import ConductionVelocity
from heart.numerics import tetrahedra
from heart.scenario.confirm import PROFILE, ConfirmEngine, ConfirmSection

Float = NDArray[np.float64]
Int = NDArray[np.integer]
Problem = Monodomain | ReactionEikonal

CONDUCTIVITIES = "niederer2011"
STEP = 0.05
LATENCY = "latency"
# Stimulus times are rounded to this, in ms, so that a patch is a few pulses.
GRAIN = 0.5


@dataclass(frozen=True)
class ConfirmTissue:
    """Makes problems for a conduction state and sources.

    Attributes
    ----------
    section
        What is asked.
    model
        Eikonal model of the heart.
    velocity
        Of the nominal heart.
    space
        Nodes and cells.
    watch
        Who hears of tuning.
    grain
        How the heart was meshed; None where no mesher made it.
    tuning
        Wanted and reached speeds by name, and the latency of the block; filled as speeds are tuned.
    """

    section: ConfirmSection
    model: ActivationModel
    velocity: ConductionVelocity
    space: TissueSpace
    watch: Telemetry
    grain: Grain | None = None
    tuning: dict[str, float] = field(default_factory=dict)

    @staticmethod
    def of(
        section: ConfirmSection,
        model: ActivationModel,
        velocity: ConductionVelocity,
        watch: Telemetry,
        grain: Grain | None = None,
    ) -> ConfirmTissue:
        """Prepare the mesh of `model`."""
        mesh = model.heart.mesh
        space = TissueSpace(mesh.points, mesh.cells)
        return ConfirmTissue(section, model, velocity, space, watch, grain)

    @cached_property
    def edge(self) -> float:
        """Mean edge of the mesh in mm, each edge once, as a strand has it."""
        mesh = self.model.heart.mesh
        ends = mesh.points[tetrahedra.edges(mesh.cells)]
        return float(np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1).mean())

    @property
    def scheme(self) -> Scheme:
        """Numerics of the monodomain."""
        base = schemes.load(self.section.profile or PROFILE)
        given = self.section.dt
        step = given or (base.dt if self.section.profile else STEP)
        return replace(base, dt=step)

    def problem(self, state: ConductionState, nodes: Int, times: Float) -> Problem:
        """Return tissue at rest whose `nodes` (k,) fire at `times` (k,) ms."""
        return _ENGINES[self.section.engine](self, state, nodes, times)

    def monodomain(self, state: ConductionState, nodes: Int, times: Float) -> Monodomain:
        """Return the monodomain problem with tuned conductivities."""
        grains = np.round(times / GRAIN).astype(np.int64)
        stimuli = [
            TissueStimulus(nodes[grains == one], float(one * GRAIN), DURATION, AMPLITUDE)
            for one in np.unique(grains)
        ]
        return Monodomain(self.space, self._tissue(self.tuned(state)), self.scheme, stimuli)

    def reaction_eikonal(self, state: ConductionState, nodes: Int, times: Float) -> ReactionEikonal:
        """Return the reaction-eikonal problem; its conductivities smooth and set no speed."""
        numerics = ReactionEikonalScheme.stepped(self.section.dt)
        mesh, lengths = self.model.mesh, self.model.lengths(self.velocity, state)
        waves = Waves(mesh, lengths, (measured(cell_model(self.section.cells)),))
        tissue = self._tissue(tensors(self._axes(), REGISTRY[CONDUCTIVITIES].conductivities))
        return ReactionEikonal(self.space, tissue, waves, numerics, (Excitation(nodes, times),))

    def tuned(self, state: ConductionState) -> Float:
        """Return the conductivities (m, 3, 3) in mS/mm that give the speeds of a state.

        Raises
        ------
        NonPhysicalError
            No wave travels on such a mesh.
        NonlinearSolveError
            A speed cannot be reached on it.
        """
        heart, speed = self.model.heart, self.velocity
        mesh, scale = heart.mesh, self._scale()
        own = np.array([speed.fibre, speed.sheet, speed.normal]) * state.myocardium
        muscle = self._tuned_muscle("", own)
        axes = self._axes()
        result = np.asarray(np.einsum("a,mai,maj->mij", muscle, axes, axes))
        border = mesh.tissue == Tissue.BORDER
        if border.any():
            slow = self._tuned_muscle("border_", BORDER.value * own)
            result[border] = np.einsum("a,mai,maj->mij", slow, axes[border], axes[border])
        below = muscle / scale
        ground = (0.5 * float(below[0] + below[1]), 0.5 * float(below[1] + below[2]))
        for name, tag, wanted in (
            ("lv", Boundary.LV_ENDO, speed.endocardial_lv * state.lv_sheet),
            ("rv", Boundary.RV_ENDO, speed.endocardial_rv * state.rv_sheet),
        ):
            faces = mesh.facets_of(tag)
            height = heart.coordinates.apicobasal[faces].mean(axis=1)
            faces = faces[height <= speed.endocardial_extent]
            # A sheet as slow as the muscle is no sheet.
            if not len(faces) or wanted <= own.max():
                continue
            with self.watch.step(f"Tuning the {name.upper()} endocardium"):
                # The surface of a heart is meshed finer than its wall, and its own edges count.
                sides = mesh.points[faces] - mesh.points[np.roll(faces, 1, axis=1)]
                edge = float(np.linalg.norm(sides, axis=2).mean())
                along, reached = tune_sheet(
                    cell_model(self.section.cells), self._plain, edge, wanted, ground
                )
            self.tuning[f"{name}_endocardium_{wanted:.3g}"] = reached
            fast = np.full(len(faces), along * scale)
            result = with_sheet(result, mesh.points, mesh.cells, faces, fast)
        return result

    @property
    def _plain(self) -> Scheme:
        """Numerics of the strands, which are too small for several steps."""
        return replace(self.scheme, multirate=None)

    def _tuned_muscle(self, name: str, wanted: Float) -> Float:
        """Return tuned conductivities (3,) in mS/mm along fibre, sheet and normal."""
        blank = self._tissue(np.zeros((len(self.space.cells), 3, 3)))
        found = tune(
            cell_model(self.section.cells), self._plain, self.edge, wanted.tolist(),
            REGISTRY[CONDUCTIVITIES].conductivities, surface_to_volume=blank.surface_to_volume,
            capacitance=blank.capacitance, grain=self.grain, telemetry=self.watch,
        )  # fmt: skip
        for axis, want, speed in zip(
            ("fibre", "sheet", "normal"), wanted, found.speeds, strict=True
        ):
            self.tuning[f"{name}{axis}_{want:.3g}"] = speed
        if not name and self.grain is not None:
            self.tuning[LATENCY] = found.latency
        return np.array(found.monodomain)

    def _scale(self) -> float:
        blank = self._tissue(np.zeros((len(self.space.cells), 3, 3)))
        return blank.surface_to_volume * blank.capacitance

    def _tissue(self, conductivity: Float) -> MonodomainModel:
        mesh = self.model.heart.mesh
        layout = CellLayout((cell_model(self.section.cells),), np.zeros(len(mesh.points), np.int64))
        return MonodomainModel(layout, conductivity, conducting=mesh.tissue != Tissue.CORE)

    def _axes(self) -> Float:
        fibres = self.model.heart.fibres
        return np.stack([fibres.fibre, fibres.sheet, fibres.normal], axis=1)


_ENGINES: dict[ConfirmEngine, Callable[[ConfirmTissue, ConductionState, Int, Float], Problem]] = {
    ConfirmEngine.MONODOMAIN: ConfirmTissue.monodomain,
    ConfirmEngine.REACTION_EIKONAL: ConfirmTissue.reaction_eikonal,
}
