"""Dagster's processes on this machine: the code server, the webserver and the daemon, and programs beside them, among
which is MYI's own web server.

They are what `dagster dev` starts, without the two processes and the seconds that it needs to watch source code. They
form a session of their own, so that Ctrl-C reaches them only through us, in our order. An id in their environment
tells them from processes of other stacks, whatever became of their parents.
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import psutil

from myi_pipelines.errors import UnavailableError
from myi_pipelines.runtime.dagster_home import dagster_environment, prepare_dagster_home
from myi_pipelines.runtime.embedded.processes import end
from myi_pipelines.runtime.embedded.sockets import make_socket_folder, remove_socket_folder, socket_folder
from myi_pipelines.runtime.ports import HOST
from myi_pipelines.runtime.signals import ignoring_signals
from myi_pipelines.runtime.stack_state import read_state, write_state
from myi_pipelines.settings import Settings

START_SECONDS = 180
STOP_SECONDS = 8
RESTARTS = 3
"""How often within an hour a stack starts one of its processes again."""
RESTART_SECONDS = 3_600
DEFINITIONS = "myi_pipelines.definitions"
ENTRY_POINT = "myi_pipelines.orchestration.instance.entry_point"
"""Starts a program of Dagster's as soon as the code server listens."""
CODE_SERVER = "myi_pipelines.orchestration.instance.code_server"
LOCATION = "myi"
SERVE = ("myi_pipelines.cli", "serve")
STACK_ID = "_MYI_STACK"
"""The variable with the stack's id in the environment of each of its processes."""

Progress = Callable[[str], None]


class DagsterFailed(UnavailableError):
    """Dagster, or a program beside it, ended or does not answer; the message says where its log is."""


class Companion(NamedTuple):
    """A program that starts and ends with Dagster's processes."""

    name: str
    """As messages and its log file call it."""
    arguments: tuple[str, ...]
    """What to run, as ``python -m`` takes it."""


class StackProcess(NamedTuple):
    """One process of a stack."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    start: Callable[[], subprocess.Popen[bytes]]
    """Starts another one in its place, which goes on with the log."""
    restarted_at: tuple[float, ...] | None
    """When that was done, by the monotonic clock; None: it cannot be."""

    def ending(self) -> str | None:
        """How it ended by itself and what it said last; None while it runs."""
        code = self.process.poll()
        if code is None:
            return None
        why = f"exit code {code}): {_last_line(self.log)}" if code >= 0 else f"{signal.Signals(-code).name})"
        return f"{self.name} ended by itself ({why}; see {self.log}"


class Stack(NamedTuple):
    """A running stack."""

    url: str
    """Of Dagster's UI."""
    web_url: str
    """Of the pages and the API."""
    logs: Path
    """The folder of the processes' logs."""
    processes: list[StackProcess]
    stack_id: str

    def raise_if_ended(self) -> None:
        """Raises DagsterFailed when a process of the stack has ended by itself."""
        for one in self.processes:
            if ending := one.ending():
                raise DagsterFailed(ending)

    def keep_running(self, progress: Progress) -> None:
        """Start a process again that has ended by itself, three times an hour at most. Raises DagsterFailed after that,
        and when a program beside Dagster has.

        Runs of a code server that has ended end before another one starts: it would take them for dead, and they are
        taken up again.
        """
        now = time.monotonic()
        for place, one in enumerate(self.processes):
            ending = one.ending()
            if ending is None or one.restarted_at is None:
                continue
            lately = tuple(at for at in one.restarted_at if at > now - RESTART_SECONDS)
            if len(lately) < RESTARTS:
                progress(f"{ending}; starting it again")
                end(self._orphans(), grace=STOP_SECONDS)
                self.processes[place] = one._replace(process=one.start(), restarted_at=(*lately, now))
        self.raise_if_ended()

    def _orphans(self) -> list[psutil.Process]:
        """Processes of the stack whose own ones have ended."""
        alive = {one.process.pid for one in self.processes if one.process.poll() is None}
        return [one for one in _processes_of(self.stack_id) if not alive & {one.pid, *_ancestors(one)}]

    def wait_until_serving(self) -> None:
        """Wait until Dagster's UI and the pages answer. Raises DagsterFailed."""
        self.wait_until(lambda: answers(self.url), f"the UI does not answer at {self.url}")
        self.wait_until(lambda: pages_answer(self.web_url), f"the pages do not answer at {self.web_url}")

    def wait_until(self, ready: Callable[[], bool], complaint: str) -> None:
        """Wait for something that Dagster does; raises DagsterFailed when a process ends or the time is over."""
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            self.raise_if_ended()
            if time.monotonic() > deadline:
                raise DagsterFailed(f"{complaint} after {START_SECONDS} seconds; see {self.logs}")
            time.sleep(0.1)


@contextmanager
def starting_dagster(settings: Settings, progress: Progress, beside: Sequence[Companion] = ()) -> Iterator[Stack]:
    """Dagster's processes, which take seconds to start, and programs ``beside`` them. The block begins while they
    start; all of them have ended when it is left."""
    prepare_dagster_home(settings)
    progress("starting Dagster")
    stack_id = uuid.uuid4().hex
    stack = Stack(settings.ui_url, settings.web_url, settings.logs, [], stack_id)
    write_state(settings, read_state(settings)._replace(stack_id=stack_id))
    code_socket = _code_socket(settings)
    try:
        _start(settings, stack, code_socket, beside)
        yield stack
    finally:
        with ignoring_signals():
            try:
                progress("stopping Dagster")
            finally:  # Whatever reads our lines may have ended.
                _stop(stack)
            code_socket.unlink(missing_ok=True)
            remove_socket_folder(code_socket.parent, settings.dagster_home)


def end_processes_of(stack_id: str) -> None:
    """End all processes of a stack, its runs too."""
    end(_processes_of(stack_id), grace=STOP_SECONDS)


def answers(url: str) -> bool:
    """Whether Dagster's UI answers at ``url``."""
    try:
        with urllib.request.urlopen(f"{url}/server_info", timeout=5) as response:
            return "dagster_webserver_version" in json.load(response)
    except (OSError, ValueError):
        return False


def pages_answer(url: str) -> bool:
    """Whether the web server answers at ``url``, and reads the warehouse."""
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


# Starting and stopping


def _start(settings: Settings, stack: Stack, code_socket: Path, beside: Sequence[Companion]) -> None:
    workspace = settings.dagster_home / "workspace.yaml"
    workspace.write_text(_workspace(code_socket))
    programs = [
        *beside,
        Companion("Code server", tuple(_code_server(code_socket))),
        Companion("Webserver", tuple(_webserver(code_socket, workspace, settings.port))),
        Companion("Daemon", tuple(_daemon(code_socket, workspace))),
        Companion("Web", SERVE),
    ]
    for one in programs:
        log = _new_log(settings, one.name)
        start = partial(_spawn, settings, log, stack.stack_id, list(one.arguments))
        stack.processes.append(StackProcess(one.name, start(), log, start, None if one in beside else ()))


def _stop(stack: Stack) -> None:
    running = [psutil.Process(one.process.pid) for one in stack.processes if one.process.poll() is None]
    end(running, grace=STOP_SECONDS)
    end_processes_of(stack.stack_id)  # runs that were under way
    for one in stack.processes:
        one.process.wait()


def _spawn(settings: Settings, log: Path, stack_id: str, arguments: list[str]) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=settings.dagster_home,
            env=os.environ | dagster_environment(settings) | {STACK_ID: stack_id},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _processes_of(stack_id: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["uids"]):
        try:
            if process.uids().real == os.getuid() and process.environ().get(STACK_ID) == stack_id:
                found.append(process)
        except psutil.Error:
            continue
    return [process for process in found if process.pid != os.getpid()]


def _ancestors(process: psutil.Process) -> set[int]:
    try:
        return {one.pid for one in process.parents()}
    except psutil.Error:
        return set()


# What each process is started with


def _code_server(code_socket: Path) -> list[str]:
    # Loads the definitions before it listens: a mistake in them ends it, and the start, with a traceback in the log.
    arguments = [CODE_SERVER, "--socket", str(code_socket), "--log-level", "warning"]
    arguments += ["--module-name", DEFINITIONS, "--location-name", LOCATION]
    return [*arguments, "--use-python-environment-entry-point"]


def _webserver(code_socket: Path, workspace: Path, port: int) -> list[str]:
    arguments = [ENTRY_POINT, str(code_socket), "webserver", "--workspace", str(workspace)]
    return [*arguments, "--host", HOST, "--port", str(port), "--dagster-log-level", "warning"]


def _daemon(code_socket: Path, workspace: Path) -> list[str]:
    arguments = [ENTRY_POINT, str(code_socket), "daemon", "run", "--workspace", str(workspace)]
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


# Logs


def _new_log(settings: Settings, name: str) -> Path:
    """An empty log; the one of last time is kept beside it."""
    log = settings.logs / f"{name.lower().replace(' ', '-')}.log"
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    return log


def _last_line(log: Path) -> str:
    """The last line of a log that is not empty."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"
