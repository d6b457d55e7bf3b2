"""What is computed together: sharing results out among passes changes no result."""

import numpy as np
import pytest

from heart.electro.ionic import kernel
from heart.electro.ionic.codegen import shares
from heart.electro.ionic.codegen.calculus import below
from heart.electro.ionic.codegen.graph import Op
from heart.electro.ionic.codegen.lower import Slots
from heart.electro.ionic.codegen.schemes import Method, increments
from heart.electro.ionic.codegen.translate import translate
from heart.electro.ionic.kernel import Cells, compile_kernel
from heart.electro.ionic.registry import cell_model


@pytest.fixture
def _afresh():
    """Compile in spite of kernels that are in memory, and leave none behind."""
    kernel._kernel.cache_clear()
    yield
    kernel._kernel.cache_clear()


def cells(method: Method) -> Cells:
    """Cells that start at different voltages, so that every lane does something else."""
    result = compile_kernel(cell_model("tt2006_epi"), method=method).allocate(67)
    result.voltage[:] += np.linspace(0.0, 80.0, 67)
    return result


@pytest.mark.usefixtures("_afresh")
@pytest.mark.parametrize("method", [Method.GRL1, Method.GRL2])
def test_passes_give_what_one_pass_gives(method, monkeypatch):
    """States are read by all passes before any is written, and what is kept is what is needed."""
    found = []
    for limit in (10**9, shares.LIMIT, 400):
        kernel._kernel.cache_clear()
        monkeypatch.setattr(shares, "LIMIT", limit)
        one = cells(method)
        for _ in range(40):
            one.advance(0.02, substeps=2)
        found.append(one.states[:, :67].copy())
    scale = np.abs(found[0]).max(axis=1, keepdims=True)
    assert len(np.unique(found[0][0])) == 67
    for other in found[1:]:
        assert (np.abs(other - found[0]) <= 1e-11 * scale).all()


def test_every_result_is_in_one_pass_and_needs_earlier_ones_only():
    """A large model takes several; a small one takes one and keeps nothing."""
    system = translate(cell_model("torord_land_endo"))
    slots = Slots(system.graph)
    step = increments(system, Method.GRL1)
    found = shares.shared_out(slots, step)
    assert len(found) > 2
    assert sorted(row for share in found for row in share.rows) == list(range(len(step)))
    for number, share in enumerate(found):
        needed = set(below([step[row] for other in found[number + 1 :] for row in other.rows]))
        for node in share.kept:
            inverse = node.op is Op.PRODUCT and len(node.args) == 1
            assert node in needed or (inverse and node.args[0] in needed)
            assert node.op is not Op.SYMBOL
            assert not slots.fixed(node)
    small = translate(cell_model("mitchell_schaeffer"))
    alone = shares.shared_out(Slots(small.graph), increments(small, Method.GRL1))
    assert alone == [shares.together(increments(small, Method.GRL1))]
