"""The uploads folder: which files wait there, for which user, and where they go when they have been read.

``uploads/<user>/`` takes ``.zip`` and ``.json`` files and folders of them. Files that were read move to ``imported/``
or ``failed/`` below it. Nothing here reads a file's content, or knows the database or Dagster.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

IMPORTED = "imported"
FAILED = "failed"
SUFFIXES = (".zip", ".json")


class FileSignature(NamedTuple):
    """What distinguishes a file from another one of the same name."""

    device: int
    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> "FileSignature | None":
        """The signature of a file as it is now; None when it is gone."""
        try:
            stat = path.stat()
        except FileNotFoundError:
            return None
        return cls(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)


class Inbox(NamedTuple):
    """What a scan of the uploads folder found."""

    waiting: dict[str, list[Path]]
    """Files that can be read, by user."""
    unsettled: list[Path]
    """Files that are still being written or changed very recently."""
    misplaced: list[Path]
    """Files in the uploads folder itself, which belong to no user."""


def scan(uploads: Path, *, settle_seconds: float, now: float) -> Inbox:
    """Every upload that waits under a folder, in a stable order. A folder that does not exist is an empty one.

    A file has settled when neither its content nor its name has changed for ``settle_seconds``; ``now`` is in seconds
    since the epoch. Hidden files and folders are skipped, and so are links to folders.
    """
    inbox = Inbox({}, [], [])
    for entry in _entries(uploads):
        if entry.is_dir():
            for path in _uploads_below(entry, skip={IMPORTED, FAILED}):
                if _has_settled(path, settle_seconds, now):
                    inbox.waiting.setdefault(entry.name, []).append(path)
                else:
                    inbox.unsettled.append(path)
        elif _is_upload(entry):
            inbox.misplaced.append(entry)
    return inbox


def fingerprint(paths: Iterable[Path]) -> str:
    """A short name for a set of files as they are now. Other names, sizes or times give another one."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        if signature := FileSignature.of(path):
            digest.update(repr((str(path), signature.size, signature.mtime_ns)).encode())
    return digest.hexdigest()[:16]


def owner(uploads: Path, path: Path) -> str | None:
    """The user in whose folder a file waits, or None for a file from elsewhere or one that was already moved."""
    inside = _inside(uploads, path)
    return inside[0] if len(inside) > 1 and inside[1] not in (IMPORTED, FAILED) else None


def is_in_dropped_folder(uploads: Path, path: Path) -> bool:
    """Whether a file waits in a folder that the user put there, which may also hold files that are not exports."""
    return owner(uploads, path) is not None and len(_inside(uploads, path)) > 2


def move_to_imported(uploads: Path, path: Path) -> Path:
    """Move a file that was imported to ``imported/``; return its new place."""
    return _move(uploads, path, IMPORTED)


def move_to_failed(uploads: Path, path: Path, reason: str) -> Path:
    """Move a file that could not be imported to ``failed/``, with the reason in ``<name>.error.txt`` beside it."""
    moved = _move(uploads, path, FAILED)
    moved.with_name(f"{moved.name}.error.txt").write_text(reason + "\n", encoding="utf-8")
    return moved


def _move(uploads: Path, path: Path, folder: str) -> Path:
    user, *below = _inside(uploads, path)
    source = uploads.resolve().joinpath(user, *below)
    target = _free(uploads.resolve().joinpath(user, folder, *below))
    target.parent.mkdir(parents=True, exist_ok=True)
    source.rename(target)
    _remove_empty(source.parent, above=uploads.resolve() / user)
    return target


def _inside(uploads: Path, path: Path) -> tuple[str, ...]:
    """The names on the path from the uploads folder to a file; none for a file from elsewhere.

    For a link, its own place counts, not that of its target.
    """
    try:
        return (path.parent.resolve() / path.name).relative_to(uploads.resolve()).parts
    except ValueError:
        return ()


def _free(target: Path) -> Path:
    """The first of ``a.zip``, ``a (2).zip``, ``a (3).zip`` … that does not exist."""
    number, free = 1, target
    while free.exists():
        number += 1
        free = target.with_name(f"{target.stem} ({number}){target.suffix}")
    return free


def _remove_empty(folder: Path, *, above: Path) -> None:
    while folder != above and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _entries(folder: Path) -> Sequence[Path]:
    if not folder.is_dir():
        return []
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))


def _uploads_below(folder: Path, *, skip: Iterable[str]) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        at_top = Path(place) == folder
        folders[:] = sorted(name for name in folders if not name.startswith(".") and not (at_top and name in skip))
        for name in sorted(files):
            path = Path(place, name)
            if not name.startswith(".") and _is_upload(path):
                yield path


def _is_upload(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.is_file()


def _has_settled(path: Path, settle_seconds: float, now: float) -> bool:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return False
    # The inode's change time, which no program can set. Modification times may be copied, or come from another clock.
    return now - stat.st_ctime >= settle_seconds
