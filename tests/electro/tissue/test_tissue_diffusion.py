"""One diffusion step: accuracy in time, iterations that a prediction saves, the stability limit."""

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse

from heart.anatomy.idealised import slab
from heart.core.errors import NonFiniteError, ParameterError
from heart.electro.tissue.explicit import ExplicitDiffusion
from heart.electro.tissue.implicit import ImplicitDiffusion
from heart.electro.tissue.operators import assemble
from heart.electro.tissue.space import TissueSpace

UNTIL = 0.4


@pytest.fixture(scope="module")
def tissue():
    mesh = slab((2.0, 1.5, 1.0), 0.5)
    space = TissueSpace(mesh.points, mesh.cells)
    tensors = np.tile(np.diag([0.2, 0.1, 0.05]), (len(mesh.cells), 1, 1))
    operators = assemble(space, tensors, single=False)
    start = 10.0 * np.cos(np.pi * space.points[:, 0] / 2.0) + space.points[:, 1] ** 2
    return operators, start


def exact(operators, start, lumped):
    mass, stiffness = (matrix.toarray() for matrix in operators.matrices())
    if lumped:
        mass = np.diag(mass.sum(axis=1))
    return scipy.linalg.expm(-UNTIL * np.linalg.solve(mass, stiffness)) @ start


@pytest.mark.parametrize("lumped", [False, True])
def test_crank_nicolson_is_second_order(tissue, lumped):
    """Halving the step quarters the error against the matrix exponential."""
    operators, start = tissue
    errors = []
    for count in (8, 16):
        solver = ImplicitDiffusion(operators, lumped=lumped, tolerance=1e-11)
        voltage = operators.vector(start)
        for _ in range(count):
            solver.step(voltage, 0.5 * UNTIL / count, UNTIL / count)
        errors.append(np.abs(operators.gather(voltage) - exact(operators, start, lumped)).max())
    assert 3.5 < errors[0] / errors[1] < 4.5
    assert errors[1] < 1e-3


def test_explicit_stages_are_second_order(tissue):
    """Same for the stages, at a step within the bound of two."""
    operators, start = tissue
    errors = []
    for count in (8, 16):
        solver = ExplicitDiffusion(operators)
        voltage = operators.vector(start)
        for _ in range(count):
            assert solver.step(voltage, UNTIL / count) == 2
        errors.append(np.abs(operators.gather(voltage) - exact(operators, start, True)).max())
    assert 3.5 < errors[0] / errors[1] < 5.5


def test_more_stages_stay_stable(tissue):
    """Every number of stages damps the stiffest mode at the largest step it is used for."""
    operators, _ = tissue
    solver = ExplicitDiffusion(operators)
    noise = np.random.default_rng(1).standard_normal(operators.space.nodes)
    for step in np.linspace(0.2, 0.99, 12) * solver.stable:
        voltage = operators.vector(noise)
        for _ in range(20):
            solver.step(voltage, step)
        assert np.abs(voltage).max() <= np.abs(noise).max()


def test_too_large_explicit_step_names_the_stable_one(tissue):
    """The user has to learn the limit from the message, not from NaN."""
    operators, start = tissue
    solver = ExplicitDiffusion(operators, most=3)
    with pytest.raises(ParameterError, match=r"too large.*at most [\d.]+ ms") as error:
        solver.step(operators.vector(start), 1.2 * solver.stable)
    assert f"{solver.stable:.3g} ms" in str(error.value)
    solver.step(operators.vector(start), 0.99 * solver.stable)


def test_prediction_saves_iterations(tissue):
    """A smooth course is predicted so well that many steps need no iteration at all."""
    operators, start = tissue
    counts = {}
    for order in (-1, 0, 2):
        solver = ImplicitDiffusion(operators, lumped=True, tolerance=1e-4, order=order)
        voltage = operators.vector(start)
        for _ in range(40):
            solver.step(voltage, 0.005, 0.01)
        counts[order] = solver.iterations / solver.solves
    assert counts[2] < 1.0 < counts[0] < counts[-1]


def test_tolerance_is_kept_however_far_the_prediction_is_off(tissue):
    """After a jump of the voltage the change is solved for, not extrapolated."""
    operators, start = tissue
    solver = ImplicitDiffusion(operators, lumped=False, tolerance=1e-10)
    voltage = operators.vector(start)
    for _ in range(5):
        solver.step(voltage, 0.01, 0.01)
    jumped = operators.gather(voltage)
    jumped[3] += 50.0
    fresh = ImplicitDiffusion(operators, lumped=False, tolerance=1e-10)
    results = []
    for one in (solver, fresh):
        again = operators.vector(jumped)
        one.step(again, 0.01, 0.01)
        results.append(operators.gather(again))
    assert np.abs(results[0] - results[1]).max() < 1e-8


def test_what_steps_leave_does_not_add_up(tissue):
    """A loose tolerance costs its own size once, not in every step: the next one makes up for it.

    The field is pulled back all the time, so that a part of every step is lost without it.
    """
    operators, start = tissue
    fields = {}
    for tolerance in (1e-11, 0.05):
        solver = ImplicitDiffusion(operators, lumped=False, tolerance=tolerance)
        voltage, wanted = operators.vector(start), operators.vector(start)
        for _ in range(400):
            voltage += 0.002 * (wanted - voltage)
            solver.step(voltage, 0.005, 0.01)
        fields[tolerance] = operators.gather(voltage)
    exact, loose = fields.values()
    assert 0.0 < np.abs(exact - loose).max() < 0.1


@pytest.mark.parametrize("lumped", [False, True])
def test_what_is_owed_is_what_the_equations_lack(tissue, lumped):
    """Whatever the start of a step was, and also where the length of steps changes."""
    operators, start = tissue
    mass, stiffness = operators.matrices()
    if lumped:
        mass = scipy.sparse.diags(np.asarray(mass.sum(axis=1)).ravel())
    solver = ImplicitDiffusion(operators, lumped=lumped, tolerance=0.05)
    voltage = operators.vector(start)
    lacking = np.zeros(operators.space.nodes)
    largest = 0.0
    for length in (0.01, 0.01, 0.01, 0.02, 0.01, 0.03, 0.03, 0.03, 0.03, 0.03, 0.01, 0.02):
        before = operators.gather(voltage)
        solver.step(voltage, 0.5 * length, length)
        change = operators.gather(voltage) - before
        system = mass + 0.5 * length * stiffness
        lacking -= length * (stiffness @ before) + system @ change
        assert np.abs(operators.gather(solver._residual) - lacking).max() < 1e-9
        assert np.abs(lacking / system.diagonal()).max() < 1.01 * 0.05
        largest = max(largest, np.abs(lacking).max())
    assert largest > 1e-4


def test_the_same_step_again_owes_what_it_owed_before(tissue):
    """Passes of a coupled step start from one voltage and one debt."""
    operators, start = tissue
    results = []
    for passes in (1, 3):
        solver = ImplicitDiffusion(operators, lumped=False, tolerance=1e-3, order=-1)
        voltage = operators.vector(start)
        for _ in range(10):
            before = voltage.copy()
            for index in range(passes):
                voltage[:] = before
                solver.step(voltage, 0.005, 0.01, again=index > 0)
        results.append(operators.gather(voltage))
    assert np.abs(results[0] - results[1]).max() < 1e-12


def test_not_finite_voltage_stops(tissue):
    """A NaN must not pass as converged."""
    operators, start = tissue
    solver = ImplicitDiffusion(operators, lumped=True, tolerance=1e-4)
    bad = start.copy()
    bad[5] = np.nan
    with pytest.raises(NonFiniteError):
        solver.step(operators.vector(bad), 0.01, 0.01)
