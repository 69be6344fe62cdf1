"""PostgreSQL refuses to run as root: when we are root, this finds it an ordinary user and lets that user reach its
files. Nothing here runs for anybody else."""

import os
import pwd
import shutil
import stat
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from myi_pipelines.errors import ConfigurationError

NAME = "myi-postgres"
FALLBACK = "nobody"

_ACL = "system.posix_acl_access"
_ACL_HEADER = struct.Struct("<I")
_ACL_ENTRY = struct.Struct("<HHI")
_USER_OBJ, _USER, _GROUP_OBJ, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x10, 0x20
_NO_ID = 0xFFFFFFFF


class NoSystemUser(ConfigurationError):
    """We are root and there is no ordinary user to run PostgreSQL as."""


class UnreachableFolder(ConfigurationError):
    """The ordinary user may not pass through a folder, and we could not allow it."""


class RunAs(NamedTuple):
    """Whom PostgreSQL's programs run as."""

    name: str
    uid: int
    gid: int


def run_as() -> RunAs | None:
    """None for an ordinary user; for root the user ``myi-postgres``, made when it is missing."""
    if os.geteuid() != 0:
        return None
    user = _lookup(NAME)
    if user is None and shutil.which("useradd"):
        home = ["--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"]
        subprocess.run(["useradd", "--system", "--user-group", *home, NAME], capture_output=True, check=False)
        user = _lookup(NAME)  # Also there when another process won the race for it.
    user = user or _lookup(FALLBACK)
    if user is None:
        raise NoSystemUser(
            f"PostgreSQL does not run as root and the user {NAME} could not be made: run this as an ordinary user"
        )
    return user


def _lookup(name: str) -> RunAs | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return RunAs(entry.pw_name, entry.pw_uid, entry.pw_gid)


def open_the_way(path: Path, user: RunAs) -> None:
    """Let ``user`` pass through every folder above ``path``: only pass, only that user, and only where it could not.

    A clone under /root (mode 700) would otherwise be out of reach. An access control entry for the one user changes
    nothing for anybody else, unlike ``chmod o+x``.
    """
    for folder in path.resolve().parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH and folder.stat().st_uid != user.uid:
            _allow_passing(folder, user)


def _allow_passing(folder: Path, user: RunAs) -> None:
    try:
        os.setxattr(folder, _ACL, bytes(_with_entry(folder, user.uid)))
    except (OSError, AttributeError):
        raise UnreachableFolder(
            f"{folder}: PostgreSQL does not run as root and its user {user.name} may not enter this folder; "
            f"run `chmod o+x {folder}`, or put the project and MYI_HOME somewhere else"
        ) from None


def _with_entry(folder: Path, uid: int) -> bytearray:
    """The folder's access control list with ``--x`` for ``uid`` added, in the kernel's format (sorted entries)."""
    entries = {(tag, id_): perm for tag, perm, id_ in _entries(folder)}
    entries[_USER, uid] = entries.get((_USER, uid), 0) | 1
    entries[_MASK, _NO_ID] = entries.get((_MASK, _NO_ID), entries[_GROUP_OBJ, _NO_ID]) | 1
    packed = bytearray(_ACL_HEADER.pack(2))
    for (tag, id_), perm in sorted(entries.items()):
        packed += _ACL_ENTRY.pack(tag, perm, id_)
    return packed


def _entries(folder: Path) -> Iterator[tuple[int, int, int]]:
    try:
        packed = os.getxattr(folder, _ACL)
    except OSError:
        mode = folder.stat().st_mode
        yield from ((_USER_OBJ, mode >> 6 & 7, _NO_ID), (_GROUP_OBJ, mode >> 3 & 7, _NO_ID), (_OTHER, mode & 7, _NO_ID))
        return
    yield from _ACL_ENTRY.iter_unpack(packed[_ACL_HEADER.size :])


def make_readable(folder: Path) -> None:
    """Give everybody read access to a folder of programs that a strict umask has hidden."""
    for root, folders, files in os.walk(folder):
        for name in [*folders, *files, "."]:
            path = Path(root, name)
            mode = path.stat().st_mode
            wanted = mode | 0o444 | (0o111 if mode & 0o100 else 0)
            if wanted != mode:
                path.chmod(stat.S_IMODE(wanted))
