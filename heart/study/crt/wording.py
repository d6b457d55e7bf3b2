"""What a reader must know before believing the numbers: assumptions made, data not given."""

from __future__ import annotations

from heart.anatomy.heart_mesh import HeartMesh, Tissue
from heart.anatomy.purkinje import grow
from heart.core.parameters import Parameter
from heart.electro import conduction, purkinje, velocity
from heart.scenario.crt import CrtScenario
from heart.scenario.network import FileNetwork, GrownNetwork
from heart.study.crt.members import PRIORS
from heart.therapy import capture, pacing, sites


def assumptions(scenario: CrtScenario, torso: str) -> tuple[str, ...]:
    """Return the assumptions of a screen, one sentence each."""
    baseline = conduction.named(scenario.conduction.baseline)
    speed = scenario.conduction.velocity.resolve()
    network = scenario.conduction.network
    block = PRIORS["proximal_block"].value
    lines = [
        "Electrical model only: no contraction, no haemodynamics, no claim about outcome.",
        "Activation by the eikonal equation: no wave-front curvature, no capture latency, no "
        "anodal stimulation"
        + (", no return of a paced wave into the Purkinje tree." if network is None else "."),
        f"Baseline conduction is assumed to be '{baseline.name}': {baseline.note} "
        f"[{baseline.source}].",
        f"Conduction speeds of the nominal heart: fibre {speed.fibre:g}, sheet {speed.sheet:g}, "
        f"normal {speed.normal:g}, LV endocardium {speed.endocardial_lv * baseline.lv_sheet:g}, "
        f"RV endocardium {speed.endocardial_rv * baseline.rv_sheet:g} m/s; published values, "
        "not measured in this heart.",
        "Fibre directions follow a rule and were not measured.",
        f"Volume conductor: {torso}.",
        f"A left bundle or His lead restores the healthy exits with probability {block:.2f} "
        f"[{PRIORS['proximal_block'].source}] in the ensemble and always in the nominal heart.",
        "LVAT-95 counts from the first activation anywhere in the ventricles.",
        "Ensemble members differ by draws from the scenario's priors, which describe "
        "populations, not this patient.",
    ]
    if network is not None:
        lines += _network(network)
    if scenario.pacing.pr_interval is not None:
        lines.append(
            f"The heart's own beat competes with pacing: PR interval "
            f"{scenario.pacing.pr_interval:g} ms (assumed, "
            f"standard deviation {PRIORS['pr_deviation'].value:g} ms in the ensemble)."
        )
    if scenario.scar:
        lines.append("The scar is synthetic.")
    if scenario.confirm is not None:
        lines.append(
            "The confirming engine has one endocardium for all waves of a beat (that of the lead, "
            "where it enters the conduction system), the same cells everywhere, and no Purkinje "
            "tree; it tests the wave in the muscle and nothing else."
        )
    registries: dict[str, dict[str, Parameter]] = {
        "conduction speed": velocity.PARAMETERS,
        "capture": capture.PARAMETERS,
        "pacing": pacing.PARAMETERS,
        "site": sites.PARAMETERS,
        "prior": PRIORS,
    }
    if network is not None:
        registries["Purkinje network"] = purkinje.PARAMETERS
    if isinstance(network, GrownNetwork):
        registries["Purkinje growth"] = grow.PARAMETERS
    lines += [
        f"Assumed {group} parameter '{name}' = {item.value:g} {item.unit}: {item.note}."
        for group, registry in registries.items()
        for name, item in registry.items()
        if item.source == "assumed" and name not in ("vv", "av")
    ]
    return tuple(lines)


def _network(network: GrownNetwork | FileNetwork) -> tuple[str, ...]:
    """Return what a Purkinje network assumes."""
    grown = isinstance(network, GrownNetwork)
    return (
        (
            "The Purkinje network is grown by rule, not seen in this patient"
            if grown
            else "The Purkinje network is that of the files given"
        )
        + f"; it conducts at {network.speed:g} m/s and takes the place of early sites and of the "
        "fast endocardium, so the spreads of sites and the endocardial speeds are not used.",
        "Paced waves enter the network at its junctions and may leave it elsewhere; it is never "
        "refractory, and a junction always conducts both ways.",
        "A block cuts a bundle or fascicle; what lies beyond keeps its speed.",
    )


def missing(scenario: CrtScenario, mesh: HeartMesh) -> tuple[str, ...]:
    """Return the data that would have sharpened the answer and were not given."""
    kinds = {candidate.kind for candidate in scenario.candidates}
    lines = ["No measured 12-lead ECG: conduction is a textbook state, not fitted to this patient."]
    if not (mesh.tissue != Tissue.HEALTHY).any() and not scenario.scar:
        lines.append("No scar image: all muscle is taken as healthy.")
    if "coronary_veins" not in kinds:
        lines.append(
            "No coronary veins: epicardial sites lie on a grid and may not be reachable by a lead."
        )
    if scenario.ecg.torso.patient is None:
        lines.append("Patient size as in the case, or a mean adult where the case has none.")
    elif scenario.ecg.torso.patient.sex == "unknown":
        lines.append("Sex not given: the male torso shape is assumed.")
    if scenario.ecg.torso.electrodes is None:
        lines.append("No electrode positions: placed by rule on an assumed torso.")
    lines += [
        "No phrenic nerve: stimulation of the diaphragm is not excluded.",
        "No ejection fraction, pressure or wall motion: haemodynamic benefit is not predicted.",
    ]
    return tuple(lines)
