"""From cells and conductivities by place to arrays: a model for each node, a tensor for each cell.

Places are laid over each other in the order of the scenario, the last one wins, as in a drawing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.heart_mesh import Tissue
from heart.core.errors import ParameterError
from heart.electro.ionic.model import CellModel
from heart.electro.ionic.registry import cell_model
from heart.electro.ionic.text import read_text
from heart.electro.tissue.bidomain_model import BidomainModel
from heart.electro.tissue.conductivity import REGISTRY, Conductivities, Part, tensors
from heart.scenario.electro_body import ConductivitySection
from heart.scenario.electro_cells import CellSection
from heart.study.electro.body import Muscle
from heart.study.electro.places import cells_in, nodes_in

Float = NDArray[np.float64]
Int = NDArray[np.integer]
Bool = NDArray[np.bool_]

DEFAULT_SET = "niederer2011"


@dataclass(frozen=True)
class Material:
    """How the muscle conducts.

    Attributes
    ----------
    sets, of_cell
        Conductivities, and which of them each cell (m,) has.
    conducting
        (m,) False in scar core and where the scenario says so.
    factors
        On the monodomain's tensor along each axis: the error of the mesh, not of the muscle.
    """

    sets: tuple[Conductivities, ...]
    of_cell: Int
    conducting: Bool
    factors: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def tensor(self, muscle: Muscle, part: Part = Part.MONODOMAIN) -> Float:
        """Return the tensor (m, 3, 3) of a part in mS/mm; that of the monodomain is tuned."""
        fibres = muscle.fibres
        axes = np.stack([fibres.fibre, fibres.sheet, fibres.normal], axis=1)
        found = tensors(axes, self.sets, self.of_cell, part)
        if part is not Part.MONODOMAIN or self.factors == (1.0, 1.0, 1.0):
            return found
        # Root and tensor have the same axes, so that the product on both sides scales them.
        root = np.einsum("a,mai,maj->mij", np.sqrt(self.factors), axes, axes)
        return np.asarray(root @ found @ root)


def two_spaces(muscle: Muscle, conduction: Material) -> BidomainModel:
    """Return both conductivities as given, without cells: what an electrode sees of the muscle."""
    return BidomainModel(
        None,
        conduction.tensor(muscle, Part.INTRACELLULAR),
        conduction.tensor(muscle, Part.EXTRACELLULAR),
        conducting=conduction.conducting,
    )


def models_of(sections: Sequence[CellSection], files: Mapping[str, Path]) -> tuple[CellModel, ...]:
    """Return the cell model of each section, with its parameters and initial states."""
    return tuple(section.resolve(_base(section, files)) for section in sections)


def model_of_node(muscle: Muscle, sections: Sequence[CellSection]) -> Int:
    """Return which section's cells each node (n,) has."""
    index = np.zeros(len(muscle.mesh.points), np.int64)
    for number, section in enumerate(sections):
        index[nodes_in(muscle, section.where, f"cells[{number}]")] = number
    return index


def material(muscle: Muscle, sections: Sequence[ConductivitySection]) -> Material:
    """Return the conductivities of each cell.

    Raises
    ------
    ParameterError, UnitError
        A place without cells, or a value that is not plausible.
    """
    sections = sections or (ConductivitySection(),)
    sets: list[Conductivities] = []
    of_cell = np.zeros(len(muscle.mesh.cells), np.int64)
    conducting = muscle.mesh.tissue != Tissue.CORE
    for number, section in enumerate(sections):
        inside = cells_in(muscle, section.where, f"conductivity[{number}]")
        sets.append(_set(section, sets))
        of_cell[inside] = number
        if not section.conducting:
            conducting = conducting & ~inside
    if not conducting.any():
        raise ParameterError("no part of the muscle conducts", fix="check conductivity and scar")
    return Material(tuple(sets), of_cell, conducting)


def _base(section: CellSection, files: Mapping[str, Path]) -> CellModel:
    if section.is_file:
        return CellModel(Path(section.model).stem, read_text(files[section.model]))
    return cell_model(section.model, section.start)


def _set(section: ConductivitySection, before: Sequence[Conductivities]) -> Conductivities:
    """Return the conductivities of a section: own values, a named set, or those everywhere."""
    if section.intracellular is not None and section.extracellular is not None:
        base = Conductivities(section.intracellular.values, section.extracellular.values)
    elif section.base is not None or not before:
        base = REGISTRY[section.base or DEFAULT_SET].conductivities
    else:
        base = before[0]
    factors = section.scale
    return base.scaled(factors.fibre, factors.sheet, factors.normal)
