"""Folders and files with data of people: on a disk, only their owner may read them."""

from contextlib import suppress
from pathlib import Path

FOLDER_MODE = 0o700
FILE_MODE = 0o600


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
        if not path.is_symlink() and path.stat().st_mode & 0o077:
            path.chmod(FOLDER_MODE if path.is_dir() else FILE_MODE)
