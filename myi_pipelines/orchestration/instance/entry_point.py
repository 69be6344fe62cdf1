"""Runs Dagster's webserver, guarded, or its daemon as soon as the code server listens. Their imports take seconds: they
come first, while the code server loads.

``python -m myi_pipelines.orchestration.instance.entry_point CODE-SOCKET webserver|daemon ARGUMENTS…``
"""

import socket
import sys
import time
from collections.abc import Callable
from importlib import import_module

PROGRAMS = {"webserver": "myi_pipelines.orchestration.instance.webserver", "daemon": "dagster._daemon.cli"}


def listens(path: str) -> bool:
    """Whether a server accepts connections at a Unix socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) == 0


def main() -> None:
    """Import, wait, run. The process that started this one ends it when the code server does not come up."""
    code_socket, name, *arguments = sys.argv[1:]
    run = _program(name)
    while not listens(code_socket):
        time.sleep(0.05)
    sys.argv = [f"dagster-{name}", *arguments]
    run()


def _program(name: str) -> Callable[[], object]:
    run: Callable[[], object] = import_module(PROGRAMS[name]).main
    return run


if __name__ == "__main__":
    main()
