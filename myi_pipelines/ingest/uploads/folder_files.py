"""Which files of a folder are looked at. Names decide here, and nothing reads a file's content."""

import os
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Final, NamedTuple

DOWNLOADING: Final = (
    ".crdownload", ".opdownload", ".download", ".part", ".partial", ".filepart", ".tmp", ".temp", ".aria2", ".!ut",
    ".!qb",
)  # fmt: skip
"""Endings that browsers and other programs give to files that they are still writing."""

_OF_THE_SYSTEM: Final = frozenset({"desktop.ini", "thumbs.db", "ehthumbs.db", "icon\r", "@eadir", "__macosx"})
"""Files and folders that Windows, macOS and network drives make by themselves."""


class FolderFiles(NamedTuple):
    """The files below a folder, at any depth, sorted by folder and name."""

    files: list[Path]
    downloads: list[Path]
    """Files that another program has not written to the end."""


def _ignore(error: OSError) -> None:
    pass


def files_below(
    folder: Path, *, skip: Collection[str] = (), on_error: Callable[[OSError], None] = _ignore
) -> FolderFiles:
    """The files of a folder and of its folders, except those in the folders named in ``skip`` directly below it.

    Hidden files and folders, those of the operating system and links to folders are left out. ``on_error`` is called
    for each folder that cannot be read.
    """
    found = FolderFiles([], [])
    for place, folders, names in os.walk(folder, onerror=on_error):
        at_top = Path(place) == folder
        inside = [name for name in folders if not is_left_alone(name) and not (at_top and name in skip)]
        found.downloads.extend(Path(place, name) for name in sorted(inside) if is_downloading(name))
        folders[:] = sorted(name for name in inside if not is_downloading(name))
        here = sort_out(Path(place, name) for name in sorted(names))
        found.files.extend(here.files)
        found.downloads.extend(here.downloads)
    return found


def sort_out(paths: Iterable[Path]) -> FolderFiles:
    """The files of one folder, without those that are left alone and whatever is no file."""
    paths = [path for path in paths if not is_left_alone(path.name) and path.is_file()]
    downloads = {path for path in paths if is_downloading(path.name)}
    names = {path.name.lower() for path in downloads}
    # Firefox puts an empty file in the place of the one that it will write, and some programs write beside a list.
    for path in paths:
        if any(path.name.lower() + ending in names for ending in DOWNLOADING) or (downloads and _is_empty(path)):
            downloads.add(path)
    return FolderFiles([path for path in paths if path not in downloads], [p for p in paths if p in downloads])


def is_left_alone(name: str) -> bool:
    """Whether a file or folder is hidden, or of the operating system."""
    return name.startswith((".", "~$")) or name.lower() in _OF_THE_SYSTEM


def is_downloading(name: str) -> bool:
    """Whether another program is writing a file or folder of this name, and will rename it at the end."""
    return name.lower().endswith(DOWNLOADING)


def _is_empty(path: Path) -> bool:
    try:
        return path.stat().st_size == 0
    except OSError:
        return False
