"""Runs Dagster's webserver or daemon as soon as the code server listens. Their imports take seconds: they come first,
while the code server loads.

``python -m myi_pipelines.orchestration.instance.entry_point CODE-SOCKET webserver|daemon ARGUMENTS…``
"""

import socket
import sys
import time
from importlib.metadata import entry_points


def listens(path: str) -> bool:
    """Whether a server accepts connections at a Unix socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) == 0


def main() -> None:
    """Import, wait, run. The process that started this one ends it when the code server does not come up."""
    code_socket, name, *arguments = sys.argv[1:]
    [program] = entry_points(group="console_scripts", name=f"dagster-{name}")
    run = program.load()
    while not listens(code_socket):
        time.sleep(0.05)
    sys.argv = [program.name, *arguments]
    run()


if __name__ == "__main__":
    main()
