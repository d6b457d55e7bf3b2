"""Eikonal solve beside fim-python: same mesh, same material, same start, same run.

Usage (from the repository root):
    python benchmarks/eikonal.py                        30k nodes, ours and the peer
    python benchmarks/eikonal.py --nodes 500000 --no-peer --sites 50

The box has jittered tetrahedra and one fibre direction, so the exact arrival is known and speed is
always shown with the error it costs.  The peer lives in a virtual environment under .cache/peers
and runs as a subprocess; ours and theirs alternate, because the machine's load drifts.
"""

import argparse
import importlib.metadata
import itertools
import json
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from heart.numerics.eikonal import (  # noqa: E402
    EikonalMesh,
    Lengths,
    point_source,
    solve,
    solve_many,
    tetrahedron_lengths,
    thread_count,
    triangle_lengths,
)

PEER = "fim-python==1.2.2"
SPEED_ALONG, SPEED_ACROSS = 0.61, 0.22
SIDE = 20.0


def box(count: int, jitter: float = 0.2) -> tuple[np.ndarray, np.ndarray]:
    """Return points and tetrahedra of a cube with `count` cells a side, inner nodes moved."""
    rng = np.random.default_rng(0)
    axis = np.linspace(0.0, SIDE, count + 1)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    grid[1:-1, 1:-1, 1:-1] += rng.uniform(-jitter, jitter, (count - 1,) * 3 + (3,)) * SIDE / count
    strides = np.array([(count + 1) ** 2, count + 1, 1])
    corner = np.stack(np.meshgrid(*[np.arange(count)] * 3, indexing="ij"), -1).reshape(-1, 3)
    base = corner @ strides
    cells = [
        np.stack([base + sum(strides[list(order[:k])]) for k in range(4)], axis=1)
        for order in itertools.permutations(range(3))
    ]
    return grid.reshape(-1, 3), np.stack(cells, axis=1).reshape(-1, 4).astype(np.int32)


def peer_python() -> Path:
    """Return the interpreter of the peer's environment, made if it is missing."""
    home = ROOT / ".cache" / "peers" / "fim-python"
    python = home / "bin" / "python"
    if not (home / "ready").exists():
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "-q", PEER], check=True)
        (home / "ready").touch()
    return python


def run_peer(python: Path, arrays: dict[str, np.ndarray], repeats: int) -> dict[str, np.ndarray]:
    """Return arrival and wall times of the peer."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.npz", Path(folder) / "out.npz"
        np.savez(source, **arrays)
        program = ROOT / "benchmarks" / "eikonal_peer.py"
        subprocess.run([python, program, source, target, str(repeats)], check=True)
        with np.load(target) as result:
            return dict(result)


def clock(work, repeats: int) -> tuple[object, list[float]]:
    """Return the last result and all wall times."""
    walls = []
    for _ in range(repeats):
        started = time.perf_counter()
        result = work()
        walls.append(time.perf_counter() - started)
    return result, walls


def main() -> None:
    """Print, and save if asked, the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, default=30_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--peer", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--sites", type=int, default=0, help="also solve this many single sites")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    points, cells = box(round(arguments.nodes ** (1 / 3)) - 1)
    fibre = np.array([0.8, 0.6, 0.0])
    metric = np.eye(3) / SPEED_ACROSS**2
    metric += np.outer(fibre, fibre) * (SPEED_ALONG**-2 - SPEED_ACROSS**-2)
    origin = np.array([2.0, 3.0, 10.0])
    (mesh,), topology = clock(lambda: (EikonalMesh.from_cells(points, cells),), 1)
    tets, filling = clock(lambda: tetrahedron_lengths(mesh, metric), arguments.repeats)
    lengths = Lengths(tets, triangle_lengths(mesh, 0.0))
    nodes, times = point_source(mesh, lengths, origin)
    gap = points - origin
    exact = np.sqrt(np.einsum("ni,ij,nj->n", gap, metric, gap))
    far = exact > 10.0

    def row(name: str, arrival: np.ndarray, walls: list[float]) -> dict[str, object]:
        error = np.abs(arrival - exact)[far]
        return {
            "solver": name,
            "best_s": min(walls),
            "median_s": float(np.median(walls)),
            "ns_per_node": min(walls) / len(points) * 1e9,
            "mean_error_ms": float(error.mean()),
            "max_error_ms": float(error.max()),
        }

    solve(mesh, lengths, nodes, times)
    ours, peer_walls, peer_arrival = [], [], None
    arrays = {"points": points, "cells": cells, "nodes": nodes, "times": times}
    if arguments.peer:
        python = peer_python()
        arrays["tensors"] = np.tile(np.linalg.inv(metric), (len(cells), 1, 1))
    for turn in range(2 if arguments.peer else 1):
        arrival, walls = clock(lambda: solve(mesh, lengths, nodes, times), arguments.repeats)
        ours += walls
        if arguments.peer and turn == 0:
            answer = run_peer(python, arrays, 2)
            peer_walls, peer_arrival = list(answer["walls"]), answer["times"]
    rows = [row("heart", arrival, ours)]
    if peer_arrival is not None:
        rows.append(row(PEER, peer_arrival, peer_walls))
    report: dict[str, object] = {
        "nodes": len(points),
        "cells": len(cells),
        "numba": importlib.metadata.version("numba"),
        "topology_s": topology[0],
        "lengths_s": min(filling),
        "rows": rows,
    }
    print(f"{len(points)} nodes, {len(cells)} tetrahedra; once: topology {topology[0]:.2f} s;")
    print(f"per material: lengths {min(filling):.3f} s ({thread_count()} threads)")
    for entry in rows:
        print(
            f"{entry['solver']:>18}  best {entry['best_s']:.4f} s  median {entry['median_s']:.4f} s"
            f"  {entry['ns_per_node']:.0f} ns/node  error mean {entry['mean_error_ms']:.3f}"
            f" max {entry['max_error_ms']:.3f} ms"
        )
    if len(rows) == 2:
        report["ratio"] = rows[1]["best_s"] / rows[0]["best_s"]
        report["largest_difference_ms"] = float(np.abs(arrival - peer_arrival).max())
        print(f"peer / ours: {report['ratio']:.0f}; largest difference of arrival ", end="")
        print(f"{report['largest_difference_ms']:.4f} ms")
    if arguments.sites:
        places = np.random.default_rng(1).uniform(1.0, SIDE - 1.0, (arguments.sites, 3))
        sources = [point_source(mesh, lengths, place) for place in places]
        _, walls = clock(lambda: solve_many(mesh, lengths, sources, dtype=np.float32), 1)
        report["sites"], report["sites_s"] = arguments.sites, walls[0]
        print(f"{arguments.sites} single sites on {thread_count()} threads: {walls[0]:.1f} s")
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
