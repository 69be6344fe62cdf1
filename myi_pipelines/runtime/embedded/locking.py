"""One lock per server folder, so that two processes may start or stop a server at the same moment. Knows no server."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from myi_pipelines.errors import BusyError

LOCK_SECONDS = 180


class ServerLocked(BusyError):
    """Another process has been starting or stopping this server for longer than any start takes."""


@contextmanager
def server_lock(folder: Path) -> Iterator[None]:
    """Hold the lock beside ``folder``; the lock of a process that dies is released."""
    path = folder.with_name(f"{folder.name}.lock")
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path, timeout=LOCK_SECONDS):
            yield
    except Timeout:
        raise ServerLocked(
            f"{path}: held by another process for {LOCK_SECONDS} seconds; end that process and run this again"
        ) from None
