"""The last step of every report: pictures put into the page, the page filled in and written."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape

from heart.core.errors import StorageError

PAGE = "report.html"


def embedded(path: Path) -> str:
    """Return a PNG file as the address of a picture inside the page."""
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")


def write_page(template: str, context: Mapping[str, Any], run_dir: Path) -> Path:
    """Fill a template of `heart/report/templates` and write ``report.html``; return its path.

    Raises
    ------
    StorageError
        It cannot be written.
    """
    environment = Environment(
        loader=PackageLoader("heart.report"),
        autoescape=select_autoescape(default=True, default_for_string=True),
    )
    text = environment.get_template(template).render(page=context)
    target = run_dir / PAGE
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot write {PAGE}: {error}") from error
    return target


def provenance(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the rows that say what made a page."""
    libraries = data.get("libraries", {})
    return [
        ("heart-twin", f"{data.get('heart_twin', '')} ({data.get('commit', '')})"),
        ("ranks", str(data.get("ranks", ""))),
        ("libraries", ", ".join(f"{name} {version}" for name, version in libraries.items())),
    ]
