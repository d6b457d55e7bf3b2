"""Blocks of cells belong to the tissue and not to a rank."""

import numpy as np

from heart.electro.ionic.blocks import arranged, blocks_along
from heart.electro.ionic.kernel import BLOCK
from heart.electro.ionic.population import CellLayout, CellPopulation
from heart.electro.ionic.registry import cell_model

N = 500
MODELS = cell_model("mitchell_schaeffer"), cell_model("bueno_orovio_epi")


def tissue():
    """Kinds of nodes, and their blocks along a random curve that leaves some nodes out."""
    random = np.random.default_rng(3)
    kinds = (np.arange(N) % 3 == 0).astype(np.int64)
    return kinds, blocks_along(random.permutation(N), kinds, np.arange(N) % 7 != 0)


def test_blocks_follow_the_curve_and_have_one_model():
    """Full but for the last of each model, so that one rank pays nothing for them."""
    order = np.random.default_rng(1).permutation(N)
    kinds, present = (order > 200).astype(int), order != 17
    blocks = blocks_along(order, kinds, present)
    assert (blocks == -1).sum() == 1
    sizes = np.bincount(blocks[present])
    assert sorted(sizes)[2:] == [BLOCK] * (len(sizes) - 2)
    for number in range(len(sizes)):
        inside = blocks == number
        assert len(np.unique(kinds[inside])) == 1
        same = present & (kinds == kinds[inside][0])
        between = (order >= order[inside].min()) & (order <= order[inside].max())
        assert np.array_equal(same & between, inside)


def test_a_part_of_a_block_is_filled_with_its_own_cells():
    """Copies do what their cell does; a foreign cell would step with the wrong block."""
    blocks = np.array([5] * 3 + [2] * BLOCK + [5] + [9] * 2)
    cells, numbers = arranged(blocks)
    assert np.array_equal(numbers, [2, 5, 9])
    assert np.array_equal(np.unique(cells), np.arange(len(blocks)))
    assert len(cells) == 2 * BLOCK + 2
    for number, start in zip(numbers, range(0, len(cells), BLOCK), strict=True):
        assert np.all(blocks[cells[start : start + BLOCK]] == number)
    assert all(not len(one) for one in arranged(np.zeros(0, int)))


def test_parts_of_a_tissue_step_as_the_whole():
    """Sub-steps by block give the same bits however the nodes are shared out, restart included."""
    kinds, blocks = tissue()
    nodes = np.flatnonzero(blocks >= 0)
    random = np.random.default_rng(5)
    steps = random.integers(0, 4, (3, blocks.max() + 1))
    owner = random.integers(0, 3, len(nodes))
    varying = {"tau_close": np.linspace(100.0, 200.0, N)}
    results = []
    for shares in ([nodes], [nodes[owner == rank] for rank in range(3)]):
        voltage, gate = np.full(N, np.nan), np.full(N, np.nan)
        for mine in shares:
            layout = CellLayout(MODELS, kinds, varying)
            first, second = (CellPopulation(layout, mine, block_of=blocks) for _ in range(2))
            values = first.voltage
            for turn, population in enumerate((first, first, second)):
                if population is second:
                    second.restore(first.states_by_node())
                parts = [steps[turn][group.blocks] for group in population.groups]
                push = np.where(mine % 5 == turn, 40.0, 1.0)
                population.advance(values, 0.5, stimulus=push, substeps=parts)
            voltage[mine] = values
            gate[mine] = sum(second.states_by_node().values())
        results.append((voltage, gate))
    for one, other in zip(*results, strict=True):
        assert np.array_equal(one, other, equal_nan=True)
    assert np.ptp(results[0][0][nodes]) > 10.0
