"""All pairs of lead sites with all VV delays: one solve for each site, one pass for each pair.

Usage (from the repository root):
    python benchmarks/pairs.py                       500k nodes, 50 sites, all pairs, 9 delays
    python benchmarks/pairs.py --nodes 60000         quicker

The heart is an idealised biventricle with circumferential fibres. Every number printed is measured
in this run; the share of wall time at which two threads work is whatever the machine gives.
"""

import argparse
import itertools
import json
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from heart.anatomy.heart_mesh import Boundary, Region  # noqa: E402
from heart.anatomy.idealised import biv_ellipsoid  # noqa: E402
from heart.electro.velocity import HEALTHY  # noqa: E402
from heart.numerics import tetrahedra  # noqa: E402
from heart.numerics.eikonal import (  # noqa: E402
    EikonalMesh,
    FibreMetric,
    Lengths,
    point_source,
    solve_many,
    tetrahedron_lengths,
    thread_count,
    triangle_lengths,
)
from heart.observe import activation_metrics  # noqa: E402

DELAYS = np.arange(-80.0, 81.0, 20.0)
NODES_AT_1_6_MM = 36245


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, default=500_000)
    parser.add_argument("--sites", type=int, default=50)
    args = parser.parse_args()

    mesh = biv_ellipsoid(1.6 * (NODES_AT_1_6_MM / args.nodes) ** (1.0 / 3.0))
    centre = mesh.points[mesh.cells].mean(axis=1)
    around = np.cross([0.0, 0.0, 1.0], centre)
    around /= np.linalg.norm(around, axis=1)[:, None]
    speeds = np.array([HEALTHY.fibre, HEALTHY.sheet, HEALTHY.sheet])
    found: dict[str, float] = {"nodes": len(mesh.points), "cells": len(mesh.cells)}

    start = time.perf_counter()
    grid = EikonalMesh.from_cells(
        mesh.points, mesh.cells, mesh.facets_of(Boundary.LV_ENDO, Boundary.RV_ENDO)
    )
    lengths = Lengths(
        tetrahedron_lengths(grid, FibreMetric(around, speeds)),
        triangle_lengths(grid, HEALTHY.endocardial_lv),
    )
    found["topology_s"] = time.perf_counter() - start

    epicardium = mesh.nodes_of(Boundary.EPI)
    places = epicardium[np.linspace(0, len(epicardium) - 1, args.sites).astype(int)]
    sources = [point_source(grid, lengths, mesh.points[node]) for node in places]
    solve_many(grid, lengths, sources[:1])
    start = time.perf_counter()
    waves = solve_many(grid, lengths, sources, dtype=np.float32)
    found["sites"], found["sites_s"] = args.sites, time.perf_counter() - start

    volumes = tetrahedra.node_volumes(mesh.points, mesh.cells)
    left = np.zeros(len(mesh.points), bool)
    left[mesh.cells[mesh.regions != Region.RV_WALL]] = True
    pairs = np.array(list(itertools.combinations(range(args.sites), 2)))
    rows = np.repeat(pairs, len(DELAYS), axis=0)
    vv = np.tile(DELAYS, len(pairs))
    delays = np.column_stack([np.maximum(0.0, -vv), np.maximum(0.0, vv)])
    activation_metrics.of_combinations(waves, rows[:1], delays[:1], volumes, left)
    start = time.perf_counter()
    values = activation_metrics.of_combinations(
        waves, rows, delays, volumes, left, threads=thread_count()
    )
    found["combinations"] = len(rows)
    found["combinations_s"] = time.perf_counter() - start
    found["nanoseconds_per_node_and_combination"] = (
        1e9 * found["combinations_s"] / len(rows) / len(mesh.points)
    )
    found["threads"] = thread_count()
    found["best_bivat90_ms"] = float(activation_metrics.column(values, "bivat90").min())
    sys.stdout.write(json.dumps({name: round(value, 3) for name, value in found.items()}) + "\n")


if __name__ == "__main__":
    main()
