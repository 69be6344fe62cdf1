"""The whole stack on this machine: embedded servers, migrations, Dagster's webserver and daemon, up for as long as a
``with running_stack(settings)`` block runs. Knows nothing of imports or reports."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import psutil
from filelock import FileLock, Timeout

from myi_pipelines.errors import BusyError, UnavailableError
from myi_pipelines.runtime import servers
from myi_pipelines.runtime.dagster_home import dagster_environment, prepare_dagster_home
from myi_pipelines.runtime.embedded.sockets import make_socket_folder, remove_socket_folder, socket_folder
from myi_pipelines.runtime.servers import servers_of
from myi_pipelines.settings import Settings
from myi_pipelines.warehouse.schema.migrations import migrate

HOST = "127.0.0.1"
START_SECONDS = 180
DEFINITIONS = "myi_pipelines.definitions"
WAITING = (
    "myi_pipelines.orchestration.instance.entry_point"  # Starts a program of Dagster's when the code server listens.
)
LOCATION = "myi"
MARK = "_MYI_STACK"  # In the environment of every process of a stack, with the stack's id.

Progress = Callable[[str], None]


class AlreadyUp(BusyError):
    """Another process serves this MYI_HOME."""


class PortInUse(BusyError):
    """Somebody else listens on MYI_PORT."""


class DagsterFailed(UnavailableError):
    """Dagster, or what runs beside it, ended or does not answer; the message says where its log is."""


class Companion(NamedTuple):
    """A program that starts and ends with Dagster's processes."""

    name: str
    """As messages and its log file call it."""
    arguments: tuple[str, ...]
    """What to run, as ``python -m`` takes it."""


class Part(NamedTuple):
    """One process of a stack."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path


class Stack(NamedTuple):
    """A running stack."""

    url: str
    log: Path
    """Dagster's."""
    parts: list[Part]

    def raise_if_ended(self) -> None:
        """Raises DagsterFailed when a process of the stack has ended by itself."""
        for part in self.parts:
            if (code := part.process.poll()) is not None:
                raise DagsterFailed(
                    f"{part.name} ended by itself (exit code {code}): {last_line(part.log)}; see {part.log}"
                )

    def wait_until_serving(self) -> None:
        """Wait until Dagster's UI answers. Raises DagsterFailed."""
        self.wait_until(lambda: answers(self.url), f"the UI does not answer at {self.url}")

    def wait_until(self, ready: Callable[[], bool], complaint: str) -> None:
        """Wait for a part of Dagster; raises DagsterFailed when a process ends or patience does."""
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            self.raise_if_ended()
            if time.monotonic() > deadline:
                raise DagsterFailed(f"{complaint} after {START_SECONDS} seconds; see {self.log}")
            time.sleep(0.1)


@contextmanager
def running_stack(settings: Settings, progress: Progress = lambda line: None) -> Iterator[Stack]:
    """Start everything that does not run, and stop at the end what was started here.

    What a killed stack left behind is ended first. Raises AlreadyUp, PortInUse or DagsterFailed, and whatever the
    servers' starts raise; in every case nothing that was started here goes on running.
    """
    with running_warehouse(settings, progress), starting_dagster(settings, progress) as stack:
        stack.wait_until_serving()
        yield stack


@contextmanager
def running_warehouse(settings: Settings, progress: Progress) -> Iterator[None]:
    """The half of a stack that Dagster stands on: the servers run, the schema is current, nobody else serves this
    MYI_HOME, and the port is free."""
    settings.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ExitStack() as stack:
        stack.enter_context(_only_stack(settings))
        left = end_stale_stack(settings)
        idle = [name for name, server in servers.embedded_servers(settings).items() if server.pid() is None]
        ours = [*left, *idle]
        _write_state(settings, {"owner": os.getpid(), "servers": ours})
        stack.callback(_stop_servers, settings, ours, progress)
        require_free_port(settings.port)
        servers.start_servers(settings, on_start=lambda name: progress(f"starting {name}"))
        if applied := migrate(servers_of(settings).database_url):
            progress(f"applied {len(applied)} migrations")
        yield


@contextmanager
def _only_stack(settings: Settings) -> Iterator[None]:
    try:
        lock = FileLock(settings.home / "stack.lock").acquire(timeout=0)
    except Timeout:
        raise AlreadyUp(
            f"MYI already runs in {settings.home} (pid {owner_of(settings)}): use it, or stop it first"
        ) from None
    with lock:
        yield


def owner_of(settings: Settings) -> int | None:
    """The pid of the process that serves this MYI_HOME; None when nobody does."""
    if not settings.home.is_dir():
        return None
    try:
        with FileLock(settings.home / "stack.lock", timeout=0):
            return None
    except Timeout:
        owner = _read_state(settings).get("owner")
        return owner if isinstance(owner, int) else 0
    except OSError:
        return None


@contextmanager
def stopping_on_signals() -> Iterator[None]:
    """Make the first Ctrl-C, SIGTERM or closed terminal a KeyboardInterrupt, and ignore those that follow: stopping
    everything in order takes a few seconds and must not be cut short."""
    asked = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if not asked:
            asked = True
            raise KeyboardInterrupt

    with _handled_by(stop):
        yield


def _undisturbed() -> AbstractContextManager[None]:
    """Signals that come while everything is being stopped are ignored, also when nobody had asked for it before."""
    return _handled_by(signal.SIG_IGN) if threading.current_thread() is threading.main_thread() else nullcontext()


@contextmanager
def _handled_by(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def require_free_port(port: int) -> None:
    """Raises PortInUse, naming the process where the system tells."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            return
        except PermissionError:
            raise PortInUse(f"port {port} is reserved for root: set MYI_PORT to 1024 or more") from None
        except OSError:
            pass
    who = f" by {listener}" if (listener := find_listener(port)) else ""
    raise PortInUse(
        f"port {port} is in use{who}: end that process, or choose another port, for example MYI_PORT={port + 10}"
    )


def free_port() -> int:
    """A port on which nobody listens at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def find_listener(port: int) -> str | None:
    """The process that listens on a TCP port, as "name (pid 123)"; None where the system does not tell."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})" if connection.pid else None
    except psutil.Error:
        pass
    return None


# Dagster's processes: what `dagster dev` starts, without the two processes and the seconds that it needs for watching
# source code. They form a session of their own, so that Ctrl-C reaches them only through us, in our order. A mark in
# their environment tells them from strangers, whatever became of their parents.


@contextmanager
def starting_dagster(settings: Settings, progress: Progress, beside: Sequence[Companion] = ()) -> Iterator[Stack]:
    """The other half: Dagster's processes, which take seconds to start, and others ``beside`` them. The block begins
    meanwhile."""
    prepare_dagster_home(settings)
    progress("starting Dagster")
    log = _new_log(settings, "Dagster")
    mark = uuid.uuid4().hex
    _write_state(settings, _read_state(settings) | {"mark": mark})
    code_socket = _code_socket(settings)
    stack = Stack(settings.ui_url, log, [])
    try:
        workspace = settings.dagster_home / "workspace.yaml"
        workspace.write_text(_workspace(code_socket))
        for one in beside:
            its_log = _new_log(settings, one.name)
            stack.parts.append(Part(one.name, _spawn(settings, its_log, mark, list(one.arguments)), its_log))
        for arguments in (
            _code_server(code_socket),
            _webserver(code_socket, workspace, settings.port),
            _daemon(code_socket, workspace),
        ):
            stack.parts.append(Part("Dagster", _spawn(settings, log, mark, arguments), log))
        yield stack
    finally:
        with _undisturbed():
            progress("stopping Dagster")
            _end([psutil.Process(part.process.pid) for part in stack.parts if part.process.poll() is None])
            _end(find_marked(mark))  # Runs that were going on.
            for part in stack.parts:
                part.process.wait()
            code_socket.unlink(missing_ok=True)
            remove_socket_folder(code_socket.parent, settings.dagster_home)


def _new_log(settings: Settings, name: str) -> Path:
    """An empty log; the one of last time is kept beside it."""
    log = settings.logs / f"{name.lower().replace(' ', '-')}.log"
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    return log


def _spawn(settings: Settings, log: Path, mark: str, arguments: list[str]) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=settings.dagster_home,
            env=os.environ | dagster_environment(settings) | {MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _code_server(code_socket: Path) -> list[str]:
    # Loads the definitions before it listens: a mistake in them ends it, and the start, with a traceback in the log.
    arguments = ["dagster", "api", "grpc", "--socket", str(code_socket), "--log-level", "warning"]
    arguments += ["--module-name", DEFINITIONS, "--location-name", LOCATION]
    return [*arguments, "--use-python-environment-entry-point"]


def _webserver(code_socket: Path, workspace: Path, port: int) -> list[str]:
    arguments = [WAITING, str(code_socket), "webserver", "--workspace", str(workspace)]
    return [*arguments, "--host", HOST, "--port", str(port), "--dagster-log-level", "warning"]


def _daemon(code_socket: Path, workspace: Path) -> list[str]:
    arguments = [WAITING, str(code_socket), "daemon", "run", "--workspace", str(workspace)]
    return [*arguments, "--log-level", "warning"]


def _workspace(code_socket: Path) -> str:
    server = {"socket": str(code_socket), "location_name": LOCATION}
    return json.dumps({"load_from": [{"grpc_server": server}]})  # JSON is YAML.


def _code_socket(settings: Settings) -> Path:
    folder = socket_folder(settings.dagster_home, "code.sock")
    make_socket_folder(folder, os.getuid())
    path = folder / "code.sock"
    path.unlink(missing_ok=True)
    return path


def answers(url: str) -> bool:
    """Whether Dagster's UI answers at ``url``."""
    try:
        with urllib.request.urlopen(f"{url}/server_info", timeout=5) as response:
            return "dagster_webserver_version" in json.load(response)
    except (OSError, ValueError):
        return False


def end_stale_stack(settings: Settings) -> list[str]:
    """End the processes of a stack whose owner was killed; the names of the servers that it had started and left.

    Call it with the stack's lock held.
    """
    state = _read_state(settings)
    if "mark" in state:
        _end(find_marked(str(state["mark"])))
    _state_file(settings).unlink(missing_ok=True)
    left = state.get("servers")
    return [str(name) for name in left] if isinstance(left, list) else []


def find_marked(mark: str) -> list[psutil.Process]:
    """The live processes of the stack ``mark``."""
    found = []
    for process in psutil.process_iter(["uids"]):
        try:
            if process.uids().real == os.getuid() and process.environ().get(MARK) == mark:
                found.append(process)
        except psutil.Error:
            continue
    return [process for process in found if process.pid != os.getpid()]


def _end(processes: list[psutil.Process]) -> None:
    for ask, patience in ((psutil.Process.terminate, 8), (psutil.Process.kill, 8)):
        for process in processes:
            try:
                ask(process)
            except psutil.Error:
                continue
        _, processes = psutil.wait_procs(processes, timeout=patience)


def last_line(log: Path) -> str:
    """The last line of a log that says anything."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"


def _stop_servers(settings: Settings, names: list[str], progress: Progress) -> None:
    with _undisturbed():
        for name in servers.stop_servers(settings, names):
            progress(f"stopped {name}")
    _state_file(settings).unlink(missing_ok=True)


def _state_file(settings: Settings) -> Path:
    return settings.home / "stack.json"


def _write_state(settings: Settings, state: dict[str, object]) -> None:
    _state_file(settings).write_text(json.dumps(state))


def _read_state(settings: Settings) -> dict[str, object]:
    try:
        state = json.loads(_state_file(settings).read_text())
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}
