"""Which parts a scheme needs: cells, and the stepper that couples them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heart.electro.tissue.model import MonodomainModel
from heart.electro.tissue.operators import TissueOperators
from heart.electro.tissue.reaction import Reaction
from heart.electro.tissue.scheme import Scheme, Splitting
from heart.electro.tissue.stepping import SplitStepper, Stepper, UnsplitStepper
from heart.electro.tissue.stimulus import LocalStimuli


def make_reaction(model: MonodomainModel, scheme: Scheme, nodes: NDArray[np.integer]) -> Reaction:
    """Return the cells of the model's layout at `nodes`."""
    from heart.electro.ionic.population import CellPopulation

    return CellPopulation(model.layout, nodes, scheme.method, scheme.precision)


def make_stepper(
    operators: TissueOperators,
    reaction: Reaction,
    stimuli: LocalStimuli,
    model: MonodomainModel,
    scheme: Scheme,
) -> Stepper:
    """Return what advances voltage and cells by the scheme."""
    if scheme.splitting is Splitting.UNSPLIT:
        return UnsplitStepper(operators, reaction, stimuli, scheme)
    return SplitStepper(operators, reaction, stimuli, scheme)
