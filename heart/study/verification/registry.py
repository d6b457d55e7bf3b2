"""Every benchmark by name, quick ones first."""

from __future__ import annotations

from heart.study.verification import (
    demo,
    ecg_sphere,
    eikonal,
    elastodynamics,
    electro_agreement,
    example_mesh,
    example_physiology,
    fibres,
    land2015,
    manufactured_ep,
    manufactured_mechanics,
    material_points,
    mesh_ranking,
    niederer2011,
    single_cells,
)
from heart.study.verification.benchmark import Benchmark

_ALL = (
    eikonal,
    fibres,
    ecg_sphere,
    material_points,
    example_mesh,
    example_physiology,
    demo,
    mesh_ranking,
    single_cells,
    manufactured_ep,
    manufactured_mechanics,
    land2015,
    elastodynamics,
    electro_agreement,
    niederer2011,
)

REGISTRY: dict[str, Benchmark] = {module.BENCHMARK.name: module.BENCHMARK for module in _ALL}
