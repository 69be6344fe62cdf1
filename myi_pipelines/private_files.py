"""Folders and files with data of people: on a disk, only their owner may read them."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

FOLDER_MODE = 0o700
FILE_MODE = 0o600
OTHERS = 0o077
"""The rights of everybody but the owner."""


def make_private_folder(folder: Path) -> None:
    """Make a folder that only its owner may enter, and those above it that are missing. One that exists stays as it
    is."""
    for one in reversed([folder, *folder.parents]):
        if not one.is_dir():
            one.mkdir(mode=FOLDER_MODE, exist_ok=True)


def protect(path: Path) -> None:
    """Let only the owner read a file or enter a folder. What is another's stays as it is, and so does everything on a
    file system without modes."""
    with suppress(OSError):
        if not path.is_symlink() and path.stat().st_mode & OTHERS:
            path.chmod(FOLDER_MODE if path.is_dir() else FILE_MODE)


def protect_tree(folder: Path) -> Iterator[Path | OSError]:
    """Let only the owner read a folder and everything below it. Yields what was open to others, and what could not be
    closed; nothing stops the rest.

    What is another user's stays as it is. No link is followed, also none that is put in place of a file or a folder at
    the same moment: each is opened first, and it is the opened one that changes.
    """
    errors: list[OSError] = []
    try:
        for place, _, files, here in os.fwalk(folder, onerror=errors.append):
            for name in ("", *files):
                try:
                    if _close_file(name, here) if name else _close(here, FOLDER_MODE):
                        yield Path(place, name)
                except OSError as error:
                    errors.append(OSError(error.errno, error.strerror, str(Path(place, name))))
    except OSError as error:  # the folder itself is not there, or cannot be opened
        errors.append(error)
    yield from (error for error in errors if not isinstance(error, FileNotFoundError | NotADirectoryError))


def _close_file(name: str, folder: int) -> bool:
    """Open a file and close it to others. A pipe or a device is not opened: that alone may do something."""
    if not _is_open(os.stat(name, dir_fd=folder, follow_symlinks=False)):
        return False
    opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    try:
        return _close(opened, FILE_MODE)
    finally:
        os.close(opened)


def _close(opened: int, mode: int) -> bool:
    if not _is_open(os.fstat(opened)):
        return False
    os.fchmod(opened, mode)
    return True


def _is_open(found: os.stat_result) -> bool:
    """Whether it is a file or folder of ours that others may use."""
    is_ours = found.st_uid == os.geteuid() and (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode))
    return is_ours and bool(found.st_mode & OTHERS)
