"""Two spaces: equal to one where they must be, and different with the right sign where not."""

from dataclasses import replace

import numpy as np
import pytest

from heart.anatomy.idealised import slab
from heart.core.errors import CheckpointError, NonFiniteError, NonlinearSolveError, ParameterError
from heart.electro.ionic.population import CellLayout
from heart.electro.ionic.registry import cell_model
from heart.electro.tissue.bidomain import Bidomain
from heart.electro.tissue.bidomain_model import BidomainModel
from heart.electro.tissue.conductivity import REGISTRY, Conductivities, Part, tensors
from heart.electro.tissue.coupling import Coupling
from heart.electro.tissue.monodomain import Monodomain
from heart.electro.tissue.observer import ActivationRecorder
from heart.electro.tissue.scheme import Diffusion, Multirate, Scheme, Splitting
from heart.electro.tissue.shock import ExtracellularStimulus
from heart.electro.tissue.space import TissueSpace
from heart.electro.tissue.stimulus import TissueStimulus

SCHEME = Scheme(dt=0.05, tolerance=1e-6, check_every=20)
EXACT = replace(SCHEME, tolerance=1e-10, single=False)
PROPORTIONAL = Conductivities((0.2, 0.05, 0.05), (0.4, 0.1, 0.1))
UNEQUAL = REGISTRY["roberts1982"].conductivities


def model(space, sets, conducting=None):
    """TT2006 cells with fibres along x."""
    axes = np.tile(np.eye(3), (len(space.cells), 1, 1))
    return BidomainModel(
        CellLayout((cell_model("tt2006_epi"),), np.zeros(space.nodes, int)),
        tensors(axes, sets, part=Part.INTRACELLULAR),
        tensors(axes, sets, part=Part.EXTRACELLULAR),
        conducting=np.ones(len(space.cells), bool) if conducting is None else conducting,
    )


@pytest.fixture(scope="module")
def strip():
    """A strip of 5 × 0.5 × 0.5 mm and a stimulus at its left end."""
    mesh = slab((5.0, 0.5, 0.5), 0.25)
    space = TissueSpace(mesh.points, mesh.cells)
    return space, TissueStimulus(np.flatnonzero(space.points[:, 0] < 0.6), 0.0, 1.0, 60.0)


@pytest.fixture(scope="module")
def sheet():
    """A sheet of 8 × 8 × 0.5 mm with nodes near its centre and at its edges."""
    mesh = slab((8.0, 8.0, 0.5), 0.5)
    space = TissueSpace(mesh.points, mesh.cells)
    x = space.points
    centre = np.flatnonzero(np.linalg.norm(x - [4.0, 4.0, 0.25], axis=1) < 0.6)
    edge = np.flatnonzero(np.isin(x[:, :2], (0.0, 8.0)).any(axis=1))
    return space, centre, edge


@pytest.mark.parametrize("diffusion", [Diffusion.CRANK_NICOLSON, Diffusion.IMPLICIT_EULER])
def test_proportional_spaces_are_a_monodomain(strip, diffusion):
    """With σ_e ∝ σ_i the bidomain is the monodomain, and φ_e is −σ_i/(σ_i + σ_e) V."""
    space, stimulus = strip
    both = model(space, PROPORTIONAL)
    scheme = replace(EXACT, diffusion=diffusion)
    one = Monodomain(space, both.monodomain, scheme, [stimulus])
    coupling = Coupling(passes=60, tolerance=1e-7, strict=True)
    two = Bidomain(space, both, scheme, [stimulus], coupling=coupling)
    for problem in (one, two):
        problem.run(3.0)
    voltage = one.voltage()
    assert np.ptp(voltage) > 100.0
    assert np.abs(two.voltage() - voltage).max() < 1e-5
    expected = -voltage / 3.0
    gap = two.extracellular() - expected
    assert np.ptp(gap) < 1e-5


def test_extrapolated_potential_is_of_second_order(strip):
    """One elliptic solve per step: the difference to converged passes falls with dt²."""
    space, stimulus = strip
    both, gaps = model(space, UNEQUAL), []
    for dt in (0.02, 0.01):
        fields = []
        for coupling in (Coupling(), Coupling(passes=60, tolerance=1e-6, strict=True)):
            problem = Bidomain(space, both, replace(EXACT, dt=dt), [stimulus], coupling=coupling)
            problem.run(2.0)
            fields.append(problem.voltage())
        gaps.append(np.sqrt(np.mean((fields[0] - fields[1]) ** 2)))
    assert gaps[0] < 0.5
    assert np.log2(gaps[0] / gaps[1]) > 1.8


def virtual(sheet, sets, current=10.0, **ways):
    """Return the change of V along and across the fibre from the cathode on, after 1 ms."""
    space, centre, edge = sheet
    shock = ExtracellularStimulus(centre, edge if not ways else None, 0.0, 2.0, current)
    problem = Bidomain(
        space, model(space, sets), SCHEME, (), [shock], ground=edge if ways else None
    )
    rest = problem.voltage()
    problem.run(1.0)
    change, x = problem.voltage() - rest, space.points
    on_face = x[:, 2] == 0.0
    lines = [on_face & (x[:, 1 - axis] == 4.0) & (x[:, axis] >= 4.0) for axis in (0, 1)]
    return [change[line][np.argsort(x[line, axis])] for axis, line in enumerate(lines)]


@pytest.mark.parametrize("ways", [{}, {"ground": True}])
def test_a_cathode_makes_a_dog_bone(sheet, ways):
    """Unequal anisotropy: depolarised across the fibre, hyperpolarised along it [Sepulveda1989].

    A monodomain cannot show this: it is how shocks reach tissue far from the electrodes.
    """
    along, across = virtual(sheet, UNEQUAL, **ways)
    assert along[0] > 5.0
    assert across[0] > 5.0
    middle = slice(3, 6)
    assert (along[middle] < -0.1).all()
    assert (across[middle] > 0.05).all()


def test_an_anode_makes_the_opposite(sheet):
    """Before channels open the response is linear, so the signs change with the current."""
    cathodal, anodal = (virtual(sheet, UNEQUAL, current) for current in (2.0, -2.0))
    for one, other in zip(cathodal, anodal, strict=True):
        assert np.abs(one + other).max() < 0.1 * np.abs(one).max()


def test_equal_anisotropy_makes_no_virtual_anode(sheet):
    """The hyperpolarised regions come from the ratio of the conductivities and nothing else."""
    along, across = virtual(sheet, PROPORTIONAL)
    strongest = max(along[0], across[0])
    assert min(along[:6].min(), across[:6].min()) > -0.02 * strongest


def test_a_shock_starts_a_wave(sheet):
    """A strong cathode captures: extracellular pacing is what leads do."""
    space, centre, edge = sheet
    shock = ExtracellularStimulus(centre, edge, 1.0, 2.0, 120.0)
    problem = Bidomain(
        space, model(space, REGISTRY["niederer2011"].conductivities), SCHEME, (), [shock]
    )
    recorder = ActivationRecorder()
    problem.run(8.0, observers=[recorder])
    times = recorder.first()
    assert 1.0 < np.nanmin(times[centre]) < 4.0
    assert np.isfinite(times).sum() > 3 * len(centre)


def test_a_run_that_is_cut_is_the_same(strip):
    """The potentials of the last steps are in the snapshot, so the extrapolation goes on."""
    space, stimulus = strip
    both = model(space, UNEQUAL)
    whole = Bidomain(space, both, EXACT, [stimulus])
    whole.run(1.0)
    snapshot = whole.snapshot()
    whole.run(2.0)
    rest = Bidomain(space, both, EXACT, [stimulus])
    rest.restore(snapshot)
    assert rest.time == 1.0
    rest.run(2.0)
    assert np.abs(rest.voltage() - whole.voltage()).max() < 1e-6
    assert np.abs(rest.extracellular() - whole.extracellular()).max() < 1e-5


def test_a_monodomain_can_be_continued(strip):
    """A beat is paced with the cheap problem and shocked with this one."""
    space, stimulus = strip
    both = model(space, UNEQUAL)
    cheap = Monodomain(space, both.monodomain, SCHEME, [stimulus])
    cheap.run(1.0)
    problem = Bidomain(space, both, SCHEME, [stimulus])
    problem.restore(cheap.snapshot())
    assert np.array_equal(problem.voltage(), cheap.voltage())
    problem.run(1.5)
    assert np.isfinite(problem.extracellular()).all()
    wrong = {**problem.snapshot(), "extracellular.now": np.zeros(3)}
    with pytest.raises(CheckpointError, match="nodes"):
        problem.restore(wrong)


def test_scar_carries_extracellular_current(strip):
    """No voltage in scar, but a potential: it is passive there, not cut out."""
    space, stimulus = strip
    x = space.points[space.cells].mean(axis=1)[:, 0]
    problem = Bidomain(space, model(space, UNEQUAL, (x < 2.0) | (x > 3.0)), SCHEME, [stimulus])
    problem.run(1.0)
    inside = (space.points[:, 0] > 2.1) & (space.points[:, 0] < 2.9)
    assert np.isnan(problem.voltage()[inside]).all()
    potential = problem.extracellular()
    assert np.isfinite(potential).all()
    assert np.ptp(potential[inside]) < 0.2 * np.ptp(potential)


def test_rest_costs_no_iterations(strip):
    """Uniform voltage drives no current: φ_e is zero without a solve."""
    space, _ = strip
    problem = Bidomain(space, model(space, UNEQUAL), SCHEME)
    assert np.abs(problem.extracellular()).max() == 0.0
    assert problem.potential.solves == 0


def test_failures_are_named(strip):
    """A state that is not finite stops a bidomain as it does a monodomain."""
    space, stimulus = strip
    problem = Bidomain(space, model(space, UNEQUAL), SCHEME, [stimulus])
    problem.run(0.2)
    problem.reaction.groups[0].cells.states[3, 0] = np.nan
    with pytest.raises(NonFiniteError, match="node"):
        problem.run(0.4)
    assert problem.last_good is not None


@pytest.mark.parametrize(
    "scheme",
    [
        replace(SCHEME, diffusion=Diffusion.RKC, lumped=True),
        replace(SCHEME, splitting=Splitting.UNSPLIT, diffusion=Diffusion.BDF2),
        replace(SCHEME, multirate=Multirate()),
    ],
)
def test_other_schemes_are_refused(strip, scheme):
    """Rather than run as a monodomain of the intracellular space."""
    space, _ = strip
    with pytest.raises(ParameterError, match="bidomain"):
        Bidomain(space, model(space, UNEQUAL), scheme)


def test_wrong_electrodes_are_refused(strip):
    """Current without a way back, electrodes that touch or do not exist, ground nowhere."""
    space, _ = strip
    both, nodes = model(space, UNEQUAL), np.array([0, 1])
    lone = ExtracellularStimulus(nodes, None, 0.0, 1.0, 1.0)
    with pytest.raises(ParameterError, match="way back"):
        Bidomain(space, both, SCHEME, (), [lone])
    with pytest.raises(ParameterError, match="share"):
        ExtracellularStimulus(nodes, np.array([1, 2]), 0.0, 1.0, 1.0)
    with pytest.raises(ParameterError, match="anode of shock"):
        ExtracellularStimulus(nodes, np.zeros(0, int), 0.0, 1.0, 1.0)
    far = ExtracellularStimulus(nodes, np.array([10**6]), 0.0, 1.0, 1.0)
    with pytest.raises(ParameterError, match="names node"):
        Bidomain(space, both, SCHEME, (), [far])
    with pytest.raises(ParameterError, match="ground"):
        Bidomain(space, both, SCHEME, ground=np.zeros(0, int))


def test_wrong_models_are_refused(strip):
    """A tensor that is not positive would only show as a solver that does not converge."""
    space, stimulus = strip
    both = model(space, UNEQUAL)
    extra = both.extra.copy()
    extra[3] = 0.0
    with pytest.raises(ParameterError, match="extracellular conductivity of cell 3"):
        replace(both, extra=extra)
    with pytest.raises(ParameterError, match="shape"):
        replace(both, extra=both.extra[:-1])
    with pytest.raises(ParameterError, match="passes"):
        Coupling(passes=0)
    strict = Coupling(passes=1, tolerance=1e-12, strict=True)
    problem = Bidomain(space, both, SCHEME, [stimulus], coupling=strict)
    with pytest.raises(NonlinearSolveError, match="passes"):
        problem.run(0.5)
