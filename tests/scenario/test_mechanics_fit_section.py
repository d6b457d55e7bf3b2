"""A fit in a scenario: what it needs is asked for by name before anything is meshed."""

from __future__ import annotations

import pytest

from heart.core.errors import HeartError
from heart.core.validation import validate
from heart.core.yaml import read_text
from heart.mechanics.fit_factors import PRESSURES, Factor
from heart.scenario.mechanics import MechanicsScenario

TEXT = """\
heart_twin: 1
kind: mechanics
name: fitted
body: {kind: lv_ellipsoid}
material: [{law: guccione}]
boundary: [{kind: fixed, boundary: base}]
unload: {pressure: {lv_endo: 9 mmHg}, fit: {curve: klotz}}
loads: {stages: [{label: image, pressure: {lv_endo: 9 mmHg}}]}
"""
WRONG: dict[str, tuple[str, str, list[str]]] = {
    "no curve": ("{curve: klotz}", "{}", ["curve"]),
    "another curve": ("klotz", "measured", ["curve", "klotz"]),
    "unknown key": ("{curve: klotz}", "{curve: klotz, eror: 0.1}", ["eror", "'error'"]),
    "error in per cent": ("{curve: klotz}", "{curve: klotz, error: 5}", ["5", "did you mean"]),
    "no left pressure": ("lv_endo: 9 mmHg}, fit", "rv_endo: 4 mmHg}, fit", ["left ventricle"]),
    "no pressure of filling": ("lv_endo: 9 mmHg}, fit", "lv_endo: 9 kPa}, fit", ["end of filling"]),
    "fixed points": ("fit:", "method: fixed_point, fit:", ["fixed points", "inverse"]),
    "exponent of a law without": (
        "guccione}]", "neo_hookean}]", ["'neo_hookean' has no exponent", "some of stiffness"],
    ),
    "factor twice": ("klotz}", "klotz, factors: [stiffness, stiffness]}", ["named twice"]),
    "pressure without unit": ("klotz}", "klotz, pressures: [2, 5]}", ["no unit", "mmHg"]),
    "falling pressures": ("klotz}", "klotz, pressures: [5 mmHg, 2 mmHg]}", ["do not increase"]),
}  # fmt: skip


def scenario(text: str) -> MechanicsScenario:
    return validate(MechanicsScenario, read_text(text))


def test_a_fit_needs_no_other_number() -> None:
    """Curve and pressure are enough; the rest is documented defaults."""
    unload = scenario(TEXT).unload
    assert unload is not None
    assert unload.fit is not None
    assert unload.fit.pressures == PRESSURES
    assert unload.fit.chosen is None
    named = scenario(TEXT.replace("klotz}", "klotz, factors: [stiffness]}")).unload
    assert named is not None
    assert named.fit is not None
    assert named.fit.chosen == (Factor.STIFFNESS,)


def test_a_law_without_exponents_is_fitted_by_its_stiffness() -> None:
    """What is not named is what the law has."""
    assert scenario(TEXT.replace("guccione", "neo_hookean")).unload is not None


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named(name: str) -> None:
    """Before a minute of meshing, with the way out."""
    old, new, words = WRONG[name]
    text = TEXT.replace(old, new)
    if name == "exponent of a law without":
        text = text.replace("klotz}", "klotz, factors: [exponent]}")
    with pytest.raises(HeartError) as told:
        scenario(text)
    for word in words:
        assert word in told.value.line()
