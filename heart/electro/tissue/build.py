"""Which parts a scheme needs: cells, and the stepper that couples them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heart.core.errors import ParameterError
from heart.electro.ionic.blocks import blocks_along
from heart.electro.ionic.population import CellPopulation
from heart.electro.tissue.model import MonodomainModel
from heart.electro.tissue.multirate import MultirateStepper
from heart.electro.tissue.operators import TissueOperators
from heart.electro.tissue.reaction import Reaction
from heart.electro.tissue.scheme import Interpolation, Scheme, Splitting
from heart.electro.tissue.state_variable import StateVariableLoad
from heart.electro.tissue.stepping import SplitStepper, Stepper, UnsplitStepper
from heart.electro.tissue.stimulus import LocalStimuli
from heart.numerics.eikonal.mesh import along_curve


def make_reaction(
    model: MonodomainModel,
    scheme: Scheme,
    nodes: NDArray[np.integer],
    points: NDArray[np.float64],
    conducts: NDArray[np.bool_],
) -> Reaction:
    """Return the cells of the model's layout at `nodes`.

    Parameters
    ----------
    nodes
        (n,) nodes of this rank.
    points, conducts
        (N, 3) and (N,) all nodes of the space, and which of them conduct.

    Raises
    ------
    ParameterError
        The layout is missing or is not of this space.
    """
    given = None if model.layout is None else len(model.layout.of_node)
    if model.layout is None or given != len(points):
        raise ParameterError(
            f"layout of {given} nodes for a space of {len(points)}",
            expected="a cell model for each node of the space",
            fix="elements of degree 2 have nodes on edges too: use the space's points",
        )
    blocks = None
    if scheme.multirate is not None:
        order = along_curve(points, points)
        blocks = blocks_along(order, np.asarray(model.layout.of_node), conducts)
    return CellPopulation(model.layout, nodes, scheme.method, scheme.precision, blocks)


def make_stepper(
    operators: TissueOperators,
    reaction: Reaction,
    stimuli: LocalStimuli,
    model: MonodomainModel,
    scheme: Scheme,
) -> Stepper:
    """Return what advances voltage and cells by the scheme.

    Raises
    ------
    ParameterError
        The scheme wants the cells of a population and these are not, or it wants row sums of
        elements of degree 2, which are not positive.
    """
    if scheme.lumped and operators.space.degree == 2:
        raise ParameterError(
            "lumped mass of elements of degree 2: row sums at corners are negative",
            fix="use degree 1 or the consistent mass",
        )
    if scheme.splitting is Splitting.UNSPLIT:
        load = None
        if scheme.interpolation is Interpolation.STATE_VARIABLE:
            load = StateVariableLoad(operators, _population(reaction), model.conducting)
        return UnsplitStepper(operators, reaction, stimuli, scheme, load)
    if scheme.multirate is not None:
        population = _population(reaction)
        return MultirateStepper(operators, population, stimuli, scheme, scheme.multirate)
    return SplitStepper(operators, reaction, stimuli, scheme)


def _population(reaction: Reaction) -> CellPopulation:
    if not isinstance(reaction, CellPopulation):
        raise ParameterError(
            f"multirate steps and interpolated states need a population of cell models, "
            f"not {type(reaction).__name__}"
        )
    return reaction
