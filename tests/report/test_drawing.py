"""Pictures and scenes are made without a display and without the network."""

import io
import json
import zipfile

import numpy as np
import pytest
import pyvista as pv

from heart.anatomy import idealised
from heart.report import bullseye, ecg_paper, interactive, offscreen, scene, theme
from heart.report.views import VIEWS, look


@pytest.fixture(scope="module")
def biventricle():
    return idealised.biv_ellipsoid(edge_length=6.0)


def not_blank(path):
    return np.asarray(pv.read(path).active_scalars).std() > 5.0


def test_bands_cover_the_range_in_whole_isochrones():
    """A band edge is an isochrone: its limits must be multiples of 10 ms and hold all values."""
    low, high, count = theme.bands(3.2, 117.0)
    assert (low, high, count) == (0.0, 120.0, 12)


def test_segments_of_the_bullseye_tile_the_disc():
    """Seventeen segments cover the disc once: a missing or doubled one would mislead."""
    area = sum(
        np.deg2rad(end - start) / 2 * (outer**2 - inner**2)
        for inner, outer, start, end in bullseye.wedges().values()
    )
    assert len(bullseye.wedges()) == 17
    assert area == pytest.approx(np.pi, rel=1e-12)


def test_anterior_is_on_top_and_septum_on_the_left():
    """The AHA convention: a bull's-eye drawn mirrored would send the lead to the wrong wall."""
    middle = {k: np.deg2rad((s[2] + s[3]) / 2) for k, s in bullseye.wedges().items()}
    assert np.sin(middle[1]) == pytest.approx(1.0)
    assert np.cos(middle[14]) == pytest.approx(-1.0)
    assert np.cos(middle[16]) == pytest.approx(1.0)
    assert np.cos(middle[6]) > 0
    assert np.sin(middle[6]) > 0


def test_ap_view_shows_the_patients_left_on_the_right():
    """Radiological convention: in the AP view the patient's left is on the viewer's right."""
    direction = -VIEWS["AP"]
    right_of_screen = np.cross(direction, [0.0, 0.0, 1.0])
    assert right_of_screen == pytest.approx([-1.0, 0.0, 0.0])


def test_pictures_are_written_and_not_blank(tmp_path, biventricle):
    """Every figure of the report can be drawn off-screen from arrays alone."""
    mesh = biventricle
    activation = mesh.points[:, 0] - mesh.points[:, 0].min()
    points = mesh.points[::400]
    marks = scene.SiteMarks(points, points[:, 1], "gain (ms)", 0, points[1])
    times = np.arange(0.0, 600.0)
    leads = np.sin(times / 50.0) * np.linspace(-1, 1, 12)[:, None]
    written = [
        scene.write_activation(tmp_path / "a.png", mesh, {"x": activation}, views=("AP",)),
        scene.write_lead_map(tmp_path / "l.png", mesh, marks, views=("AP",)),
        ecg_paper.draw(
            tmp_path / "e.png", [ecg_paper.Trace(times, leads, "x", theme.BEFORE)], "ECG"
        ),
        bullseye.draw(tmp_path / "b.png", np.linspace(-1, 1, 17), title="t", unit="ms"),
    ]
    for path in written:
        assert not_blank(path), path.name


def test_scene_is_complete_and_needs_no_network(biventricle):
    """The page must open offline years later: geometry inside, no address to load from."""
    plotter = offscreen.plotter((200, 200))
    heart = scene.surface(biventricle, {"activation": biventricle.points[:, 0]})
    scene.add_activation(plotter, heart, (-30.0, 30.0), bar=False)
    look(plotter, "AP", heart.bounds)
    data = interactive.scene_bytes(plotter)
    plotter.close()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        state = json.loads(archive.read("index.json"))
    assert state["scene"]["type"].endswith("RenderWindow")
    assert len(state["hashes"]) >= 3
    assert "http" not in json.dumps(state["scene"])
