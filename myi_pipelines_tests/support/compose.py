"""Reads docker-compose.yml as Compose does: anchors merged, variables put in. Runs its services as processes of this
machine, each a session of its own, which dies as a whole like a container does. No expectations here."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from myi_pipelines.settings import PROJECT

COMPOSE_FILE = PROJECT / "docker-compose.yml"

_VARIABLE = re.compile(r"\$(?:\$|\{(\w+)(?:(:?[-?])([^}]*))?\})")


class MissingVariable(Exception):
    """A variable that the file requires is not set."""


class Service(NamedTuple):
    """What a container would run, and in which environment."""

    command: list[str]
    environment: dict[str, str]
    healthcheck: list[str]
    depends_on: dict[str, str]


def read(variables: Mapping[str, str], path: Path = COMPOSE_FILE) -> dict[str, Any]:
    """The file with ``variables`` put in. Raises MissingVariable."""
    found = _put_in(yaml.safe_load(path.read_text(encoding="utf-8")), variables)
    assert isinstance(found, dict)
    return found


def service(file: Mapping[str, Any], name: str) -> Service:
    """One of the services of a file that was read."""
    said = file["services"][name]
    return Service(
        command=list(said.get("command", [])),
        environment={key: str(value) for key, value in said.get("environment", {}).items()},
        healthcheck=list(said.get("healthcheck", {}).get("test", [])),
        depends_on={other: wait["condition"] for other, wait in said.get("depends_on", {}).items()},
    )


def secrets(folder: Path, password: str = "secret") -> Path:
    """A folder with the files that the services find in /run/secrets."""
    made = folder / "secrets"
    made.mkdir(mode=0o700)
    for name in read({})["secrets"]:
        (made / name).write_text(f"{password}\n", encoding="utf-8")
    return made


def _put_in(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _put_in(one, variables) for key, one in value.items()}
    if isinstance(value, list):
        return [_put_in(one, variables) for one in value]
    return _VARIABLE.sub(lambda match: _value(match, variables), value) if isinstance(value, str) else value


def _value(match: re.Match[str], variables: Mapping[str, str]) -> str:
    name, rule, word = match.groups()
    if name is None:
        return "$"
    if variables.get(name) or (name in variables and rule in ("-", "?", None)):
        return variables[name]
    if rule in (":?", "?"):
        raise MissingVariable(f"{name}: {word}")
    return word or ""


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_open(port: int) -> bool:
    """Whether somebody listens on a TCP port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Processes:
    """The services of a file as processes here. What is a container's own is replaced: ``here`` says by what, wherever
    it occurs; ``environment`` wins over the file's."""

    def __init__(self, file: Mapping[str, Any], folder: Path, here: Mapping[str, str], environment: Mapping[str, str]):
        self.file = file
        self.folder = folder
        self.here = here
        self.environment = environment
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> subprocess.Popen[bytes]:
        """Start a service; its log is ``<folder>/<name>.log``."""
        one = service(self.file, name)
        with self.log(name).open("ab") as output:
            self.running[name] = subprocess.Popen(
                self._translate(one.command),
                cwd=PROJECT,
                env=self._environment(one),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self.running[name]

    def wait_until_healthy(self, name: str, port: int, seconds: float) -> None:
        """Wait until the service's own health check passes, which costs seconds itself: not before ``port`` is open."""
        one = service(self.file, name)
        assert one.healthcheck[0] == "CMD", one.healthcheck
        deadline = time.monotonic() + seconds
        while True:
            assert self.running[name].poll() is None, f"{name} ended:\n{self.said(name)}"
            if not is_open(port) and time.monotonic() < deadline:
                time.sleep(0.1)
                continue
            check = subprocess.run(
                self._translate(one.healthcheck[1:]),
                cwd=PROJECT,
                env=self._environment(one),
                capture_output=True,
                text=True,
                check=False,
            )
            if check.returncode == 0:
                return
            assert time.monotonic() < deadline, f"{name}: {check.stdout}{check.stderr}\n{self.said(name)}"
            time.sleep(0.2)

    def kill(self, *names: str) -> None:
        """SIGKILL for all processes of some services at once, as when their containers are killed."""
        killed = [self.running.pop(name) for name in names]
        for process in killed:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        for process in killed:
            process.wait()

    def stop(self) -> None:
        """End everything that runs."""
        self.kill(*self.running)

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def said(self, name: str) -> str:
        """The end of a service's log."""
        log = self.log(name)
        return log.read_text(errors="replace")[-3_000:] if log.exists() else ""

    def _translate(self, arguments: list[str]) -> list[str]:
        return [self._text(argument) for argument in arguments]

    def _environment(self, one: Service) -> dict[str, str]:
        """Nothing of this process's environment but what any program needs."""
        inherited = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR", "TZ") if name in os.environ}
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        ours = {name: self._text(value) for name, value in one.environment.items()}
        modules = os.pathsep.join(filter(None, [str(PROJECT), ours.get("PYTHONPATH")]))
        return inherited | {"PATH": path} | ours | {"PYTHONPATH": modules} | dict(self.environment)

    def _text(self, text: str) -> str:
        for theirs, ours in self.here.items():
            text = text.replace(theirs, ours)
        return text
