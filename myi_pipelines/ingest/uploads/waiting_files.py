"""The uploads folder: which files wait there, for which user, and where they go when they have been read.

``uploads/<user>/`` takes files and folders of any kind. Each moves to ``imported/`` or ``failed/`` below it, and a text
beside it says what is to be said. Nothing here reads a file's content, or knows the database or Dagster.
"""

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from myi_pipelines.ingest.uploads.folder_files import files_below, is_downloading, is_folder, is_left_alone, sort_out
from myi_pipelines.private_files import make_private_folder, protect, protect_tree

IMPORTED = "imported"
FAILED = "failed"
ERROR = ".error.txt"
"""Ending of the text beside a file in ``failed/``: why it could not be imported, and what to do."""
NOTES = ".notes.txt"
"""Ending of the text beside a file in ``imported/``: what was left out of it, or looks odd."""
_MISPLACED = "lies in the folder"


class FileSignature(NamedTuple):
    """What distinguishes a file from another one of the same name."""

    device: int
    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> "FileSignature | None":
        """The signature of a file as it is now; None when it is gone or out of reach."""
        try:
            stat = path.stat()
        except OSError:
            return None
        return cls(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)


class Dropped(NamedTuple):
    """What a user put into the uploads folder in one piece."""

    path: Path
    """A file, or a folder."""
    files: Sequence[Path]
    """The file, or all files of the folder."""


class Inbox(NamedTuple):
    """What a scan of the uploads folder found."""

    waiting: dict[str, list[Dropped]]
    """What can be read, by user."""
    unsettled: list[Path]
    """Files that are still being written or changed very recently. They hold up the folder that they lie in."""
    downloads: list[Path]
    """Files that another program has not written to the end. They hold up the folder that they lie in."""
    misplaced: list[Path]
    """Files in the uploads folder itself, which belong to no user."""
    unreadable: list[Path]
    """Folders that may not be read."""
    not_files: list[Path]
    """What is neither a file nor a folder, or cannot be looked at; users' folders that are links to other places."""
    nameless: list[Path]
    """Files and folders whose names are not text, which no run and no table can hold."""


def scan(uploads: Path, *, settle_seconds: float, now: float) -> Inbox:
    """Everything that waits in the users' folders, in a stable order. An uploads folder that does not exist is empty.

    A file has settled when neither its content nor its name has changed for ``settle_seconds``; ``now`` is in seconds
    since the epoch. A folder waits when all of its files have settled, so that it is judged as a whole. Left out are
    hidden files and folders, those of the operating system, and links to folders.
    """
    inbox = Inbox({}, [], [], [], [], [], [])
    try:
        entries = _entries(uploads)
    except OSError:
        inbox.unreadable.append(uploads)
        return inbox
    for user in entries:
        if user.is_symlink() and is_folder(user):
            inbox.not_files.append(user)
        elif is_folder(user) and not is_downloading(user.name):
            for dropped in _dropped(user, inbox):
                unsettled = [path for path in dropped.files if not _has_settled(path, settle_seconds, now)]
                inbox.unsettled.extend(unsettled)
                if dropped.files and not unsettled:
                    inbox.waiting.setdefault(user.name, []).append(dropped)
    here = sort_out(entries)
    inbox.misplaced.extend(path for path in here.files if not _is_our_text(path))
    inbox.not_files.extend(here.not_files)
    return inbox


def _dropped(user: Path, inbox: Inbox) -> list[Dropped]:
    """What lies in a user's folder, without what cannot be imported (yet), which ``inbox`` takes."""
    try:
        entries = _entries(user)
    except OSError:
        inbox.unreadable.append(user)
        return []
    inbox.nameless.extend(entry for entry in entries if not _is_text(entry))
    entries = [entry for entry in entries if _is_text(entry)]
    here = sort_out(entries)
    inbox.downloads.extend(here.downloads)
    inbox.not_files.extend(here.not_files)
    dropped = [Dropped(path, [path]) for path in here.files if not _is_our_text(path)]
    for entry in entries:
        if not is_folder(entry) or entry.is_symlink() or entry.name in (IMPORTED, FAILED):
            continue
        errors: list[OSError] = []
        below = files_below(entry, on_error=errors.append)
        unfinished = [entry] if is_downloading(entry.name) else below.downloads
        inbox.unreadable.extend(Path(error.filename) for error in errors)
        inbox.downloads.extend(unfinished)
        inbox.not_files.extend(below.not_files)
        if not unfinished and not errors:
            dropped.append(Dropped(entry, below.files))
    return sorted(dropped)


def _is_text(path: Path) -> bool:
    try:
        path.name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_our_text(path: Path) -> bool:
    """Whether a file is a text about another file. A user who tries that file again may have moved both back."""
    return path.name.endswith((ERROR, NOTES))


def explain_misplaced(uploads: Path, misplaced: Iterable[Path]) -> None:
    """Write beside each file that belongs to no user what to do with it, and remove such texts of files that are gone.

    Texts that cannot be written are left out.
    """
    texts = {path.with_name(path.name + ERROR): _misplaced(uploads, path) for path in misplaced}
    with suppress(OSError):
        for entry in _entries(uploads):
            if entry.name.endswith(ERROR) and entry not in texts:
                with suppress(OSError):
                    if _MISPLACED in entry.read_text("utf-8", "replace"):
                        entry.unlink()
    for path, text in texts.items():
        with suppress(OSError):
            if not path.exists():
                path.write_text(text + "\n", encoding="utf-8", errors="replace")


def _misplaced(uploads: Path, path: Path) -> str:
    return f"{path.name}: {_MISPLACED} of the uploads, not in that of a user; move it into {uploads.name}/<user>/"


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


def is_inside(uploads: Path, path: Path) -> bool:
    """Whether a path leads to something in a user's folder, whatever has become of it."""
    return ".." not in path.parts and len(_inside(uploads, path)) > 1


def was_imported_in_part(uploads: Path, folder: Path) -> bool:
    """Whether files of a folder that waits, or of one of its name, were imported and moved before."""
    user, *below = _inside(uploads, folder)
    return uploads.resolve().joinpath(user, IMPORTED, *below).is_dir()


def move_away(uploads: Path, path: Path, where: str, lines: Sequence[str]) -> Path:
    """Move a file to ``imported/`` or ``failed/`` and return its new place. What is to be said of it is written beside
    it: notes, or the reason why it failed.
    """
    moved = _move(uploads, path, where)
    if lines:
        _write_beside(moved, ERROR if where == FAILED else NOTES, lines)
    return moved


def write_beside(uploads: Path, folder: Path, where: str, lines: Sequence[str]) -> None:
    """Write what is to be said of a folder whose files were moved to ``where``, ``imported/`` or ``failed/``."""
    user, *below = _inside(uploads, folder)
    target = uploads.resolve().joinpath(user, where, *below)
    make_private_folder(target.parent)
    _write_beside(target, ERROR if where == FAILED else NOTES, lines)


class Protected(NamedTuple):
    """What became of files and folders that others could read."""

    closed: int
    problems: list[str]
    """A line for each that may still be open."""


def protect_moved(uploads: Path) -> Protected:
    """Let only the owner read what lies in ``imported/`` and ``failed/``, whoever put it there: files of earlier
    versions, and what came back from a copy. Folders of users that are links are left alone.

    Safe at any time, and twice.
    """
    closed, problems = 0, []
    try:
        users = [user for user in uploads.iterdir() if not user.is_symlink() and user.is_dir()]
    except OSError as error:
        return Protected(0, [] if isinstance(error, FileNotFoundError) else [f"{uploads}: {error.strerror}"])
    for found in (one for user in users for where in (IMPORTED, FAILED) for one in protect_tree(user / where)):
        if isinstance(found, OSError):
            problems.append(f"{found.filename}: {found.strerror or found}")
        else:
            closed += 1
    return Protected(closed, problems)


def _write_beside(path: Path, ending: str, lines: Sequence[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    beside = _free(path.with_name(path.name + ending))
    beside.write_text(text, encoding="utf-8", errors="replace")
    protect(beside)


def _move(uploads: Path, path: Path, folder: str) -> Path:
    user, *below = _inside(uploads, path)
    source = uploads.resolve().joinpath(user, *below)
    target = _free(uploads.resolve().joinpath(user, folder, *below))
    make_private_folder(target.parent)
    for above in target.parents[: len(below)]:
        protect(above)
    source.rename(target)
    protect(target)
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
    if not is_folder(folder):
        return []
    return sorted(entry for entry in folder.iterdir() if not is_left_alone(entry.name))


def _has_settled(path: Path, settle_seconds: float, now: float) -> bool:
    try:
        stat = path.stat()
    except OSError:
        return False
    # The inode's change time, which no program can set. Modification times may be copied, or come from another clock.
    return now - stat.st_ctime >= settle_seconds
