"""Files that arrive by the browser: streamed into the uploads folder, where they wait as if dropped there.

A file appears there complete and never replaces another. What it is, is found out by whoever reads it.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from anyio import to_thread
from starlette.exceptions import HTTPException

from myi_pipelines.errors import InputError
from myi_pipelines.private_files import FILE_MODE, make_private_folder
from myi_pipelines.text import one_line, printable

SUFFIXES = (".zip", ".json", ".jsonl", ".csv", ".parquet", ".gz")
LONGEST_NAME = 180
"""Bytes: a number, and the suffix of the notes that lie beside a file later, find room in a file system's 255."""
MOST_BYTES = 4 * 1024**3
"""Of one file: exports of a whole life have some hundred megabytes."""
SPARE_BYTES = 256 * 1024**2
"""What stays free on the disk."""
ABANDONED_SECONDS = 86_400
"""After so long, what has arrived of a file whose server was killed is removed."""


class NotTaken(InputError):
    """A file that cannot be an export of Spotify, is too large, or finds no room."""


class CannotKeep(HTTPException):
    """The folder of uploads takes no files: it is read-only, somebody else's, or no folder."""

    def __init__(self, error: OSError) -> None:
        why = (error.strerror or type(error).__name__).lower()
        super().__init__(
            503,
            f"The folder of uploads cannot be written to ({why}). Whoever runs MYI sets it by MYI_UPLOADS, and lets "
            "MYI write there.",
        )


class Waiting(NamedTuple):
    """A file that waits to be read."""

    name: str
    size: int


def waiting(uploads: Path, user: str) -> list[Waiting]:
    """The files of a user that nobody has begun to read."""
    try:
        found = [path for path in (uploads / user).iterdir() if path.suffix.lower() in SUFFIXES and path.is_file()]
        return [Waiting(path.name, path.stat().st_size) for path in sorted(found) if not path.name.startswith(".")]
    except OSError:
        return []


def require_room(uploads: Path, size: int) -> None:
    """Raise NotTaken for so many bytes, before the first of them is read, where they are too many or find no room. 0
    for a size that is not known. Raises CannotKeep."""
    if size > MOST_BYTES:
        raise NotTaken(f"what was sent is larger than {MOST_BYTES // 1024**3} GiB")
    if _free(_incoming(uploads)) < SPARE_BYTES + size:
        raise NotTaken("there is no room for it on the disk")


async def receive(uploads: Path, user: str, name: str, chunks: AsyncIterator[bytes]) -> Path:
    """Write a stream to a hidden file, and move it to those that wait. Raises NotTaken and CannotKeep; nothing stays
    then."""
    safe = safe_name(name)
    folder = _incoming(uploads)
    path = folder / f"{secrets.token_hex(8)}.part"
    try:
        make_private_folder(uploads / user)
        size = 0
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "wb") as file:
            async for chunk in chunks:
                size += len(chunk)
                if size > MOST_BYTES:
                    raise NotTaken(f"{safe} is larger than {MOST_BYTES // 1024**3} GiB")
                if _free(folder) < SPARE_BYTES + len(chunk):
                    raise NotTaken(f"there is no room for {safe} on the disk")
                await to_thread.run_sync(file.write, chunk)
        if not size:
            raise NotTaken(f"{safe} is empty")
        return _publish(path, uploads / user / safe)
    except OSError as error:
        raise CannotKeep(error) from error
    finally:
        with suppress(OSError):
            path.unlink()


def _incoming(uploads: Path) -> Path:
    """The folder of what has not arrived whole. Raises CannotKeep."""
    folder = uploads / ".incoming"
    try:
        make_private_folder(folder)
    except OSError as error:
        raise CannotKeep(error) from error
    _remove_abandoned(folder)
    return folder


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _remove_abandoned(folder: Path) -> None:
    with suppress(OSError):
        for part in folder.glob("*.part"):
            if part.stat().st_mtime < time.time() - ABANDONED_SECONDS:
                part.unlink()


def safe_name(name: str) -> str:
    """The file's own name, without folders, control characters and leading dots. Raises NotTaken for other kinds.

    >>> safe_name("C:\\\\Downloads\\\\my_spotify_data.zip"), safe_name("../../.x.json")
    ('my_spotify_data.zip', 'x.json')
    """
    last = printable(one_line(name.replace("\\", "/").rsplit("/", 1)[-1])).lstrip(". ")
    stem, suffix = Path(last).stem, Path(last).suffix
    if suffix.lower() not in SUFFIXES or not stem.strip():
        raise NotTaken(f"expected the ZIP that Spotify sent, or a file of a history ({', '.join(SUFFIXES[1:])})")
    return stem.encode()[: LONGEST_NAME - len(suffix)].decode(errors="ignore") + suffix.lower()


def _publish(path: Path, target: Path) -> Path:
    """Give a finished file its name, or the next one that is free."""
    for number in range(1, 1000):
        free = target if number == 1 else target.with_name(f"{target.stem} ({number}){target.suffix}")
        try:
            os.link(path, free)
        except FileExistsError:
            continue
        except OSError:  # a file system without hard links
            if free.exists():
                continue
            path.replace(free)
        return free
    raise NotTaken(f"too many files named {target.name} wait already")
