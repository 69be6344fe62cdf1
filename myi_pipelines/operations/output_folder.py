"""A folder that is written for the user, by an export or a backup: it appears whole or not at all, and a manifest
describes its files."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from myi_pipelines.errors import InputError
from myi_pipelines.private_files import FOLDER_MODE, protect


class FolderNotEmpty(InputError):
    """The folder that is to be written already contains something."""


class WrittenFile(NamedTuple):
    """What a manifest says of a file."""

    file: str
    rows: int
    bytes: int
    sha256: str


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder to write into, which takes its place when the block succeeds and is removed when it does not.

    Only its owner may read it. Raises FolderNotEmpty.
    """
    folder = folder.absolute()
    _require_empty(folder)
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    unfinished.mkdir(parents=True, mode=FOLDER_MODE)
    try:
        yield unfinished
        for path in unfinished.rglob("*"):
            protect(path)
        if folder.exists():
            folder.rmdir()
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def written_file(folder: Path, file: str, rows: int) -> WrittenFile:
    """Read a file to describe it."""
    with (folder / file).open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return WrittenFile(file, rows, (folder / file).stat().st_size, digest)


def _require_empty(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FolderNotEmpty(f"{folder}: is there already; name a folder that is empty or does not exist")
