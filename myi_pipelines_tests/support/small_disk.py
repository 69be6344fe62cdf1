"""A disk of a few megabytes, to be filled up and emptied. No expectations here."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from myi_pipelines.runtime import embedded

MEBIBYTE = 1024 * 1024


class SmallDisk(NamedTuple):
    """A file system in memory, of its own."""

    folder: Path

    @contextmanager
    def full(self, *, but: int = 0) -> Iterator[None]:
        """Within the block all room but some bytes is taken."""
        ballast = self.folder / "ballast"
        try:
            with ballast.open("wb") as file:
                while not self._is_taken(file.fileno(), but):
                    pass  # somebody else took some of it meanwhile
            yield
        finally:
            ballast.unlink()

    def _is_taken(self, descriptor: int, but: int) -> bool:
        room = shutil.disk_usage(self.folder).free - but
        if room > 0:
            try:
                os.posix_fallocate(descriptor, 0, room)
            except OSError:
                return False
        return True


@contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[SmallDisk]:
    """A new disk in a folder. Skips the test where nobody may mount one, as on most people's machines."""
    mount = shutil.which("mount")
    if mount is None:
        pytest.skip("a full disk needs a disk of its own, and there is no `mount` here")
    folder.mkdir()
    asked = [mount, "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=755", "myi-small-disk", str(folder)]
    said = subprocess.run(asked, capture_output=True, text=True, check=False)
    if said.returncode != 0:
        pytest.skip(f"a full disk needs a disk of its own, and this user may not mount one: {said.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def move_log(server: embedded.Cluster, folder: Path) -> None:
    """Have a server write its log (WAL) into another folder, from its next start on; it is stopped for that."""
    server.stop()
    log = server.folder / "pg_wal"
    owner = log.stat()
    shutil.move(log, folder)
    log.symlink_to(folder)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)
    server.start()
