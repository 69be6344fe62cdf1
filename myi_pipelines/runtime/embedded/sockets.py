"""Where a server's Unix socket goes: beside its data, or in a short private folder when that path is too long."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from myi_pipelines.errors import ConfigurationError

# The shortest limit of the systems we run on (macOS: 104 bytes with the final NUL).
MAX_SOCKET_PATH = 103


class UnsafeSocketFolder(ConfigurationError):
    """The short socket folder exists and belongs to another user, who could read what is sent."""


def socket_folder(data: Path, socket_name: str) -> Path:
    """The folder for ``socket_name`` of the server with its data in ``data``: always the same. Creates nothing."""
    if len(os.fsencode(data / socket_name)) <= MAX_SOCKET_PATH:
        return data
    digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
    # Not the temporary folder of the environment: every process must find the same place, and that one may be long too.
    return Path("/tmp") / f"myi-{os.getuid()}-{digest}"


def remove_socket_folder(folder: Path, data: Path) -> None:
    """Remove a short socket folder that no server uses now."""
    if folder != data:
        with suppress(OSError):
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()


def make_socket_folder(folder: Path, owner: int) -> None:
    """Create ``folder`` for ``owner`` alone; raises UnsafeSocketFolder when another user made it."""
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    state = folder.lstat()
    if folder.is_symlink() or state.st_uid not in (os.getuid(), owner):
        raise UnsafeSocketFolder(f"{folder}: belongs to another user; remove it, or set MYI_HOME to a shorter path")
    if state.st_uid != owner:
        os.chown(folder, owner, -1)
    folder.chmod(0o700)
