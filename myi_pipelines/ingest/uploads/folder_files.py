"""Which files of a folder are looked at. Names decide here, and nothing reads a file's content."""

import os
import stat
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
    not_files: list[Path]
    """What is neither a file nor a folder, or cannot be looked at: pipes, devices, links that lead nowhere."""


def _ignore(error: OSError) -> None:
    pass


def files_below(
    folder: Path, *, skip: Collection[str] = (), on_error: Callable[[OSError], None] = _ignore
) -> FolderFiles:
    """The files of a folder and of its folders, except those in the folders named in ``skip`` directly below it.

    Hidden files and folders, those of the operating system and links to folders are left out. ``on_error`` is called
    for each folder that cannot be read.
    """
    found = FolderFiles([], [], [])
    for place, folders, names in os.walk(folder, onerror=on_error):
        at_top = Path(place) == folder
        inside = [name for name in folders if not is_left_alone(name) and not (at_top and name in skip)]
        found.downloads.extend(Path(place, name) for name in sorted(inside) if is_downloading(name))
        folders[:] = sorted(name for name in inside if not is_downloading(name))
        here = sort_out(Path(place, name) for name in sorted(names))
        found.files.extend(here.files)
        found.downloads.extend(here.downloads)
        found.not_files.extend(here.not_files)
    return found


def sort_out(paths: Iterable[Path]) -> FolderFiles:
    """The files of one folder, without its folders and those files that are left alone."""
    kinds = [(path, _kind(path)) for path in paths if not is_left_alone(path.name)]
    files = [path for path, kind in kinds if kind == stat.S_IFREG]
    not_files = [path for path, kind in kinds if kind not in (stat.S_IFREG, stat.S_IFDIR)]
    downloads = {path for path in files if is_downloading(path.name)}
    names = {path.name.lower() for path in downloads}
    # Firefox puts an empty file in the place of the one that it will write, and some programs write beside a list.
    for path in files:
        if any(path.name.lower() + ending in names for ending in DOWNLOADING) or (downloads and _is_empty(path)):
            downloads.add(path)
    waiting = [path for path in files if path not in downloads]
    return FolderFiles(waiting, [path for path in files if path in downloads], not_files)


def is_folder(path: Path) -> bool:
    """Whether a path, or the link there, leads to a folder; False when that cannot be found out."""
    return _kind(path) == stat.S_IFDIR


def _kind(path: Path) -> int | None:
    """What a path or the link there leads to, as ``stat.S_IFMT`` says it; None when that cannot be found out."""
    try:
        return stat.S_IFMT(path.stat().st_mode)
    except (OSError, ValueError):
        return None


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
