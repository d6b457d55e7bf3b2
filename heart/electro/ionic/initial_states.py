"""Published starting states of cell models, by name, in the units of their text.

A text carries one set of initial values; variants of the same text that rest elsewhere, and states
that a benchmark prescribes, are here. They are starting points: a tissue starts from the limit
cycle of its own rate.
"""

from __future__ import annotations

from collections.abc import Mapping

TT2006_EPI: Mapping[str, float] = {
    "membrane.V": -85.23,
    "potassium.K_i": 136.89,
    "sodium.Na_i": 8.604,
    "calcium.Ca_i": 1.26e-4,
    "calcium.Ca_SS": 3.6e-4,
    "calcium.Ca_SR": 3.64,
    "release.R_prime": 0.9073,
    "ina.m": 1.72e-3,
    "ina.h": 0.7444,
    "ina.j": 0.7045,
    "ikr.Xr1": 6.21e-3,
    "ikr.Xr2": 0.4712,
    "iks.Xs": 9.5e-3,
    "ito.r": 2.42e-8,
    "ito.s": 0.999998,
    "ical.d": 3.373e-5,
    "ical.f": 0.7888,
    "ical.f2": 0.9755,
    "ical.fCass": 0.9953,
}
"""Resting epicardial cell; prescribed for every node of the slab by [Niederer2011]."""

TT2006_ENDO: Mapping[str, float] = {
    "membrane.V": -86.709,
    "potassium.K_i": 138.4,
    "sodium.Na_i": 10.355,
    "calcium.Ca_i": 1.3e-4,
    "calcium.Ca_SS": 3.6e-4,
    "calcium.Ca_SR": 3.715,
    "release.R_prime": 0.9068,
    "ina.m": 1.55e-3,
    "ina.h": 0.7573,
    "ina.j": 0.7225,
    "ikr.Xr1": 4.48e-3,
    "ikr.Xr2": 0.476,
    "iks.Xs": 8.7e-3,
    "ito.r": 2.235e-8,
    "ito.s": 0.3212,
    "ical.d": 3.164e-5,
    "ical.f": 0.8009,
    "ical.f2": 0.9778,
    "ical.fCass": 0.9953,
}
"""Endocardial cell of the authors' CellML version of [TenTusscher2006], paced at 1 Hz."""

TT2006_MID: Mapping[str, float] = {
    "membrane.V": -85.423,
    "potassium.K_i": 138.52,
    "sodium.Na_i": 10.132,
    "calcium.Ca_i": 1.53e-4,
    "calcium.Ca_SS": 4.2e-4,
    "calcium.Ca_SR": 4.272,
    "release.R_prime": 0.8978,
    "ina.m": 1.65e-3,
    "ina.h": 0.749,
    "ina.j": 0.6788,
    "ikr.Xr1": 1.65e-2,
    "ikr.Xr2": 0.473,
    "iks.Xs": 1.74e-2,
    "ito.r": 2.347e-8,
    "ito.s": 0.999998,
    "ical.d": 3.288e-5,
    "ical.f": 0.7026,
    "ical.f2": 0.9526,
    "ical.fCass": 0.9942,
}
"""Mid-myocardial cell of the authors' CellML version of [TenTusscher2006], paced at 1 Hz."""
