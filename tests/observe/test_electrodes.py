"""Electrode files carry no unit and no frame: what is read must be what was meant."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from heart.core.errors import MissingDataError, ParameterError, UnitError
from heart.observe.electrodes import Electrodes, read_csv
from heart.observe.leads import ELECTRODES
from heart.observe.skin import Skin, closest_weights
from heart.observe.torso_shape import TorsoShape

POSITIONS = np.arange(30.0).reshape(10, 3) * 20.0


def write(path: Path, rows: list[str]) -> Path:
    """Write the rows of a CSV file."""
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_csv_with_names_in_any_order_and_units(tmp_path: Path) -> None:
    """Named rows may come in any order; the unit is converted."""
    rows = [
        f"{name},{x / 10},{y / 10},{z / 10}"
        for name, (x, y, z) in zip(ELECTRODES, POSITIONS, strict=True)
    ]
    path = write(tmp_path / "e.csv", ["name,x,y,z", "# comment", *rows[::-1]])
    np.testing.assert_allclose(read_csv(path, "cm").positions, POSITIONS)
    plain = write(tmp_path / "p.csv", [row.split(",", 1)[1] for row in rows])
    np.testing.assert_allclose(read_csv(plain, "cm").positions, POSITIONS)


def test_real_electrodes(shared_data: Path) -> None:
    """The measured set of one subject reads as a torso of plausible size."""
    electrodes = read_csv(shared_data / "electrodes" / "DTI004_electrode_xyz.csv", "cm")
    arms = np.linalg.norm(electrodes.positions[0] - electrodes.positions[1])
    assert 300.0 < arms < 450.0


@pytest.mark.parametrize(
    ("unit", "error"), [("m", ParameterError), ("um", ParameterError), ("ms", UnitError)]
)
def test_wrong_unit(tmp_path: Path, unit: str, error: type[Exception]) -> None:
    """Centimetres read as metres are caught by the size of the body."""
    path = write(tmp_path / "e.csv", [f"{x},{y},{z}" for x, y, z in POSITIONS])
    with pytest.raises(error):
        read_csv(path, unit)


@pytest.mark.parametrize("row", ["V1,1,2,3", "V9,1,2,3", "1,2", "a,b,c", "V2,1,nan2,3"])
def test_bad_rows(tmp_path: Path, row: str) -> None:
    """A name twice, an unknown name, a missing number or text is an error with its line."""
    good = [f"{n},{x},{y},{z}" for n, (x, y, z) in zip(ELECTRODES, POSITIONS, strict=True)]
    path = write(tmp_path / "e.csv", [*good[:5], row])
    with pytest.raises(MissingDataError, match=r"e\.csv:6"):
        read_csv(path, "mm")


def test_missing_electrodes(tmp_path: Path) -> None:
    """Nine electrodes are no 12-lead ECG; the message names the missing one."""
    path = write(tmp_path / "e.csv", [f"{x},{y},{z}" for x, y, z in POSITIONS[:9]])
    with pytest.raises(MissingDataError, match="V6"):
        read_csv(path, "mm")
    with pytest.raises(MissingDataError, match="10 points"):
        Electrodes(POSITIONS[:9])


def test_jitter_is_reproducible_and_of_the_stated_size() -> None:
    """Ensembles must be repeatable from their seed."""
    electrodes = Electrodes(POSITIONS)
    first = electrodes.jittered(np.random.default_rng(1), 10.0)
    again = electrodes.jittered(np.random.default_rng(1), 10.0)
    np.testing.assert_array_equal(first.positions, again.positions)
    generator = np.random.default_rng(2)
    draws = np.stack([electrodes.jittered(generator, 10.0).positions for _ in range(400)])
    assert (draws - POSITIONS).std() == pytest.approx(10.0, rel=0.05)
    none = electrodes.jittered(np.random.default_rng(1), 0.0)
    np.testing.assert_array_equal(none.positions, POSITIONS)


def test_closest_point_of_a_triangle() -> None:
    """Projection inside, beyond an edge and beyond a corner."""
    corners = np.array([[0.0, 0.0, 0.0], [4.0, 0.0, 0.0], [0.0, 4.0, 0.0]])
    targets = np.array([[1.0, 1.0, 5.0], [2.0, -3.0, 1.0], [-2.0, -2.0, 0.0], [9.0, 9.0, 0.0]])
    weights = closest_weights(corners[None].repeat(4, 0), targets)
    expected = np.array([[1.0, 1.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 0.0], [2.0, 2.0, 0.0]])
    np.testing.assert_allclose(weights @ corners, expected, atol=1e-12)


def test_projection_onto_a_box() -> None:
    """The nearest point of a closed surface, found among the nearest triangles."""
    from heart.observe.torso import structured_cells

    line = np.linspace(0.0, 10.0, 6)
    points = np.stack(np.meshgrid(line, line, line, indexing="ij"), axis=-1).reshape(-1, 3)
    skin = Skin.of(points, structured_cells((6, 6, 6), (2, 2)))
    contact = skin.project(np.array([[5.3, 4.1, 14.0], [-3.0, 2.0, 7.7]]))
    np.testing.assert_allclose(contact.positions, [[5.3, 4.1, 10.0], [0.0, 2.0, 7.7]], atol=1e-12)
    np.testing.assert_allclose(contact.weights.sum(axis=1), 1.0)


@pytest.mark.parametrize("sex", ["female", "male"])
def test_electrodes_by_rule(sex: str) -> None:
    """Left is −x in RAS; V1 to V6 go from right of the sternum round to the left axilla."""
    shape = TorsoShape(sex=sex)
    found = dict(zip(ELECTRODES, shape.electrodes().positions, strict=True))
    assert found["LA"][0] < 0 < found["RA"][0]
    assert found["LL"][2] < found["V6"][2] < found["V1"][2] < found["LA"][2]
    assert found["V1"][0] > 0 > found["V2"][0]
    chest = np.array([found[f"V{i}"] for i in range(1, 7)])
    assert (np.diff(chest[:, 0]) < 0).all()
    assert (np.diff(chest[:, 1]) < 1e-9).all()
    np.testing.assert_allclose(shape.radius(np.array(list(found.values()))), 1.0, atol=1e-9)
