"""The whole stack on this machine, up for as long as a ``with running_stack(settings)`` block runs: embedded servers,
migrations, Dagster's processes. Knows nothing of imports or reports."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from myi_pipelines.runtime import servers
from myi_pipelines.runtime.dagster_processes import Stack, end_processes_of, starting_dagster
from myi_pipelines.runtime.guardian import guarded
from myi_pipelines.runtime.ports import require_different_ports, require_free_port
from myi_pipelines.runtime.servers import servers_of
from myi_pipelines.runtime.signals import ignoring_signals
from myi_pipelines.runtime.stack_state import StackState, only_stack, read_state, remove_state, write_state
from myi_pipelines.settings import Settings
from myi_pipelines.warehouse.schema.migrations import migrate

Progress = Callable[[str], None]


@contextmanager
def running_stack(settings: Settings, progress: Progress = lambda line: None) -> Iterator[Stack]:
    """Start everything that does not run, and stop at the end what was started here.

    What a killed stack left running is ended first. Raises AlreadyUp, PortsEqual, PortInUse or DagsterFailed, and
    whatever the servers' starts raise; in every case nothing that was started here goes on running.
    """
    with running_warehouse(settings, progress), starting_dagster(settings, progress) as stack:
        stack.wait_until_serving()
        yield stack


@contextmanager
def running_warehouse(settings: Settings, progress: Progress) -> Iterator[None]:
    """The half of a stack that Dagster stands on: the servers run, the schema is current, no other process serves this
    MYI_HOME, and the ports are free. Servers that ran before are left running: others may be at work on them."""
    settings.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ExitStack() as stack:
        stack.enter_context(only_stack(settings))
        orphaned = end_killed_stack(settings)
        idle = [name for name, server in servers.embedded_servers(settings).items() if server.pid() is None]
        ours = [*orphaned, *idle]
        write_state(settings, StackState(owner=os.getpid(), servers=tuple(ours)))
        stack.enter_context(guarded(settings))
        stack.callback(_stop_servers, settings, ours, progress)
        require_different_ports(settings)
        require_free_port(settings.port)
        require_free_port(settings.web_port, settings.web_host, "MYI_WEB_PORT")
        servers.start_servers(settings, on_start=lambda name: progress(f"starting {name}"))
        if applied := migrate(servers_of(settings).database_url):
            progress(f"applied {len(applied)} migrations")
        yield


def end_killed_stack(settings: Settings) -> list[str]:
    """End the processes of a stack whose owner was killed; return the names of the servers that it had started.

    Call it while holding the stack's lock.
    """
    state = read_state(settings)
    if state.stack_id:
        end_processes_of(state.stack_id)
    remove_state(settings)
    return list(state.servers)


def _stop_servers(settings: Settings, names: Sequence[str], progress: Progress) -> None:
    with ignoring_signals():
        for name in servers.stop_servers(settings, names):
            progress(f"stopped {name}")
        left = [name for name, server in servers.embedded_servers(settings).items() if server.pid() is not None]
        if left:
            progress(f"{' and '.join(left)} ran before, and stays up; `myi services stop` stops what is running")
    remove_state(settings)
