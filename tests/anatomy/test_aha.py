"""Results are reported by AHA segment: numbers and names have to be the published ones."""

import numpy as np
import pytest

from heart.anatomy import aha, coordinates, idealised
from heart.numerics import tetrahedra


@pytest.mark.parametrize(
    ("height", "turn", "expected"),
    [
        (0.9, 0.05, 1),
        (0.9, 0.95, 2),
        (0.9, 0.70, 3),
        (0.9, 0.60, 4),
        (0.9, 0.40, 5),
        (0.9, 0.20, 6),
        (0.5, 0.05, 7),
        (0.5, 0.95, 8),
        (0.5, 0.70, 9),
        (0.5, 0.60, 10),
        (0.5, 0.40, 11),
        (0.5, 0.20, 12),
        (0.2, 5 / 6 - 0.75, 13),
        (0.2, 5 / 6, 14),
        (0.2, 5 / 6 - 0.25, 15),
        (0.2, 5 / 6 - 0.5, 16),
        (0.02, 0.3, 17),
    ],
)
def test_sectors_have_the_published_numbers(height, turn, expected):
    """Anterior is 1, then counter-clockwise over the septum, as seen from the apex."""
    assert aha.segment_at(height, turn, -1) == expected


def test_rv_free_wall_has_no_segment():
    """The 17 segments are of the left ventricle."""
    assert aha.segment_at(0.5, 0.8, 1) == 0
    assert set(aha.SEGMENT_NAMES) == set(range(18))


def test_all_segments_are_there_and_comparable():
    """Segments of one ring have volumes within a factor of two; the apex is the smallest."""
    mesh = idealised.biv_ellipsoid(4.0)
    segment = aha.segments(coordinates.compute(mesh))
    volume = np.bincount(segment, tetrahedra.node_volumes(mesh.points, mesh.cells), 18)
    assert (volume > 0).all()
    for ring in (slice(1, 7), slice(7, 13), slice(13, 17)):
        assert volume[ring].max() < 2.0 * volume[ring].min()
    assert np.argmin(volume) == 17
