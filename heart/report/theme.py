"""One look for every picture and page: colours that survive print and colour blindness.

Activation follows the electroanatomical-mapping convention (early red, late blue) in bands of
10 ms, so that the band edges are isochrones. Benefit is blue, harm is orange.
"""

from __future__ import annotations

INK = "#1c2733"
MUTED = "#6b7885"
BEFORE = "#3a3f47"
AFTER = "#0b6fa4"
BEST = "#d7191c"
ECG_FINE = "#f6d5d2"
ECG_BOLD = "#e9a8a2"
TISSUE = "#e8dcd4"
ACTIVATION_MAP = "Spectral"
BENEFIT_MAP = "PuOr"
SCORE_MAP = "viridis"
VOLTAGE_MAP = "inferno"
DURATION_MAP = "viridis"
DIFFERENCE_MAP = "RdBu"
BAND = 10.0
DIFFERENCE_STEP = 5.0
DISCLAIMER = "Research use only"


def bands(low: float, high: float, width: float = BAND) -> tuple[float, float, int]:
    """Return limits rounded outwards to whole bands and the number of bands."""
    import math

    first = math.floor(low / width) * width
    last = max(math.ceil(high / width) * width, first + width)
    return first, last, round((last - first) / width)
