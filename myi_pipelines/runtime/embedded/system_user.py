"""PostgreSQL refuses to run as root. When this process is root, its programs run as an ordinary system user, which must
reach the cluster and the programs, often in a clone below /root that only root may enter.

Giving the folders on the way to that user's own group, with the right to pass and nothing else, is the smallest thing
that works: two system calls a folder, on every file system. `chmod o+x` would let every user of the machine pass.
Access control lists would need the program setfacl, which many images lack, or their binary format written by hand. A
data folder somewhere else would not help, because the programs lie in the clone's virtual environment.
"""

import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path
from typing import NamedTuple

from myi_pipelines.errors import ConfigurationError

NAME = "myi-postgres"
FALLBACK = "nobody"
ROOT = 0
"""The id of root, and of root's own group."""


class NoSystemUser(ConfigurationError):
    """This process is root, and there is no ordinary user to run PostgreSQL as."""


class UnreachableFolder(ConfigurationError):
    """The ordinary user may not pass through a folder, and this process must not or cannot allow it."""


class SystemUser(NamedTuple):
    """The user that PostgreSQL's programs run as."""

    name: str
    uid: int
    gid: int


def user_for_postgres() -> SystemUser | None:
    """None where this process is not root; for root the user ``myi-postgres``, created when it is missing."""
    if os.geteuid() != ROOT:
        return None
    user = _find(NAME)
    if user is None and shutil.which("useradd"):
        home = ["--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"]
        subprocess.run(["useradd", "--system", "--user-group", *home, NAME], capture_output=True, check=False)
        user = _find(NAME)  # Also there when another process was faster.
    user = user or _find(FALLBACK)
    if user is None:
        raise NoSystemUser(
            f"PostgreSQL does not run as root and the user {NAME} could not be made: run this as an ordinary user"
        )
    return user


def let_reach(path: Path, user: SystemUser) -> None:
    """Let ``user`` pass through every folder above ``path`` that it could not pass. Raises UnreachableFolder."""
    for folder in path.resolve().parents:
        if not _may_pass(folder, user):
            _let_pass(folder, user)


def make_readable(folder: Path) -> None:
    """Let every user read a folder of programs that a strict umask has hidden."""
    for root, folders, files in os.walk(folder):
        for name in [*folders, *files, "."]:
            path = Path(root, name)
            mode = path.stat().st_mode
            wanted = mode | 0o444 | (0o111 if mode & stat.S_IXUSR else 0)
            if wanted != mode:
                path.chmod(stat.S_IMODE(wanted))


def _find(name: str) -> SystemUser | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return SystemUser(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _may_pass(folder: Path, user: SystemUser) -> bool:
    state = folder.stat()
    if state.st_uid == user.uid:
        return bool(state.st_mode & stat.S_IXUSR)
    if state.st_gid == user.gid:
        return bool(state.st_mode & stat.S_IXGRP)
    return bool(state.st_mode & stat.S_IXOTH)


def _let_pass(folder: Path, user: SystemUser) -> None:
    """Give a folder to the user's group. One that another group uses is left as it is."""
    state = folder.stat()
    is_used_by_a_group = state.st_gid not in (ROOT, user.gid) and bool(state.st_mode & stat.S_IRWXG)
    try:
        if is_used_by_a_group:
            raise PermissionError
        os.chown(folder, -1, user.gid)
        folder.chmod(stat.S_IMODE(state.st_mode) & ~stat.S_IRWXG | stat.S_IXGRP)
    except OSError:
        raise UnreachableFolder(
            f"{folder}: PostgreSQL does not run as root and its user {user.name} may not enter this folder; "
            f"run `chmod o+x {folder}`, or put the project and MYI_HOME somewhere else"
        ) from None
