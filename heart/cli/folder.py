"""Output folders: written whole or not at all, never over something else."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from heart.cli import ranks
from heart.core.errors import StorageError

MANIFEST = "run.json"
RESOLVED = "scenario.resolved.yaml"


def check_free(target: Path, *, overwrite: bool) -> None:
    """Refuse a target that exists, unless it is an older run and may be overwritten.

    Raises
    ------
    StorageError
        The folder exists, or it is not a run and is therefore never replaced.
    """
    if not target.exists():
        return
    if target.is_dir() and not any(target.iterdir()):
        return
    if not overwrite:
        raise StorageError(
            f"{target.name!r} exists", where="-o", fix="use --overwrite or another folder"
        )
    if not (target / MANIFEST).is_file():
        raise StorageError(
            f"{target.name!r} is not the folder of a run, so it is not replaced",
            where="-o",
            fix="choose another folder",
        )


@contextmanager
def new_folder(
    target: Path, *, overwrite: bool, worth_keeping: Callable[[Path], bool] | None = None
) -> Iterator[Path]:
    """Yield a temporary folder beside `target` that becomes `target` when the block ends well.

    On any failure the temporary folder is removed, with the parents made for it, and an older
    `target` is as it was. All ranks get the same folder; rank 0 makes and renames it.

    Parameters
    ----------
    target
        Folder of the run.
    overwrite
        Whether an older run may be replaced.
    worth_keeping
        Whether a folder in which the block failed holds something to go on from. It then becomes
        `kept_name(target)`.
    """
    check_free(target, overwrite=overwrite)
    leader = ranks.rank() == 0
    made: str | None = None
    new_parents = [path for path in target.parents if not path.exists()]
    if leader:
        target.parent.mkdir(parents=True, exist_ok=True)
        made = tempfile.mkdtemp(prefix=f".{target.name}.partial-", dir=target.parent)
        Path(made).chmod(0o755)
    folder = Path(ranks.share(made))
    try:
        yield folder
        ranks.share(None)
        if leader:
            _replace(folder, target)
    except BaseException:
        if worth_keeping is not None and worth_keeping(folder):
            if leader:
                _replace(folder, kept_name(target))
            raise
        # Any rank may be the one that failed, and it ends the others before they can clean up.
        shutil.rmtree(folder, ignore_errors=True)
        for parent in new_parents:
            with suppress(OSError):
                parent.rmdir()
        raise


def kept_name(target: Path) -> Path:
    """Return where an unfinished run is kept: `target`, or beside it when an older run is there."""
    if target.exists() and any(target.iterdir()):
        return target.with_name(f"{target.name}.unfinished")
    return target


def _replace(folder: Path, target: Path) -> None:
    old: Path | None = None
    if target.exists():
        old = folder.with_name(f"{folder.name}-old")
        target.rename(old)
    try:
        folder.rename(target)
    except OSError:
        if old is not None:
            old.rename(target)
        raise
    if old is not None:
        shutil.rmtree(old, ignore_errors=True)
