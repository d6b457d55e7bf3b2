"""Rewrite the tables of LICENSES.md from the locks and the metadata of the installed packages.

Run by `make licences` after `make lock`, so that a renewed lock and its list of licences are
committed together; `tests/house/test_licences.py` fails where they differ.
"""

from __future__ import annotations

import importlib.metadata
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)

# Packages whose metadata carry a whole text, a vague word or nothing.
STATED = {
    "cycler": "BSD-3-Clause",
    "flexcache": "BSD-3-Clause",
    "gmsh": "GPL-2.0-or-later",
    "jinja2": "BSD-3-Clause",
    "kiwisolver": "BSD-3-Clause",
    "loguru": "MIT",
    "markdown-it-py": "MIT",
    "matplotlib": "Matplotlib licence (PSF-2.0 kind)",
    "mdurl": "MIT",
    "meshio": "MIT",
    "mpich": "MPICH licence (permissive)",
    "numba": "BSD-2-Clause",
    "pathspec": "MPL-2.0",
    "rich-click": "MIT",
    "pyacvd": "MIT",
    "pytetwild": "MPL-2.0",
    "scikit-image": "BSD-3-Clause AND MIT",
    "scipy": "BSD-3-Clause",
    "shellingham": "ISC",
    "trame-vtk": "BSD-3-Clause",
    "trove-classifiers": "Apache-2.0",
    "vtk": "BSD-3-Clause",
    "wslink": "BSD-3-Clause",
}

SAME = {
    "Apache": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD 2-Clause License": "BSD-2-Clause",
    "PSFL": "PSF-2.0",
}


def normal(name: str) -> str:
    """Return a package name as the index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(lock: str) -> dict[str, str]:
    """Return the versions of a lock by package name."""
    text = (ROOT / "requirements" / f"{lock}.lock").read_text(encoding="utf-8")
    return {normal(name): version for name, version in PINNED.findall(text)}


def licence(name: str) -> str:
    """Return the licence that an installed package states."""
    if name in STATED:
        return STATED[name]
    metadata = importlib.metadata.metadata(name)
    stated = metadata.get("License-Expression") or metadata.get("License") or ""
    if not stated or "\n" in stated:
        kinds = [c for c in metadata.get_all("Classifier") or [] if c.startswith("License")]
        stated = kinds[-1].rpartition(" :: ")[2] if kinds else ""
    if not stated:
        sys.exit(f"{name} states no licence: look it up and add it to STATED")
    return SAME.get(stated, stated)


def table(packages: dict[str, str]) -> str:
    """Return a Markdown table of packages, versions and licences."""
    rows = [f"| {name} | {version} | {licence(name)} |" for name, version in packages.items()]
    return "\n".join(["| package | version | licence |", "|---|---|---|", *rows])


def main() -> None:
    """Rewrite the two tables."""
    base, dev, build = pinned("base"), pinned("dev"), pinned("build")
    tools = {n: v for n, v in sorted({**dev, **build}.items()) if n not in base}
    path = ROOT / "LICENSES.md"
    text = path.read_text(encoding="utf-8")
    for mark, packages in (("run", base), ("develop", tools)):
        block = f"<!-- {mark} -->\n{table(packages)}\n<!-- end {mark} -->"
        pattern = rf"<!-- {mark} -->.*?<!-- end {mark} -->"
        text = re.sub(pattern, lambda _, new=block: new, text, flags=re.DOTALL)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
