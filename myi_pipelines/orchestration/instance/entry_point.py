"""Runs Dagster's webserver or daemon as soon as the code server listens. Their imports take seconds: those come first,
while the code server loads.

``python -m myi_pipelines.orchestration.instance.entry_point CODE-SOCKET webserver|daemon ARGUMENTS…``
"""

import socket
import sys
import time


def listens(path: str) -> bool:
    """Whether a server accepts connections at a Unix socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) == 0


def main() -> None:
    """Import, wait, run. Whoever started this process ends it when the code server does not come up."""
    code_socket, name, *arguments = sys.argv[1:]
    if name == "webserver":
        from dagster_webserver.cli import cli as run
    else:
        from dagster._daemon.cli import cli as run
    while not listens(code_socket):
        time.sleep(0.05)
    sys.argv = [f"dagster-{name}", *arguments]
    run(prog_name=sys.argv[0], obj={})


if __name__ == "__main__":
    main()
