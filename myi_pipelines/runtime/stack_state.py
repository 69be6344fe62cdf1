"""Which process serves a MYI_HOME, and what it has started there: a lock that ends with the process, and a small file
that outlives it, so that the next stack can end what a killed one left running."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from filelock import FileLock, Timeout

from myi_pipelines.errors import BusyError
from myi_pipelines.settings import Settings

SECONDS_TO_END = 60


class AlreadyUp(BusyError):
    """Another process serves this MYI_HOME."""


class StackState(NamedTuple):
    """What a stack has started."""

    owner: int = 0
    """The pid of the process that runs the stack; 0 where it is not known."""
    servers: tuple[str, ...] = ()
    """The embedded servers that the stack stops at its end."""
    stack_id: str = ""
    """What all processes of the stack have in their environment."""


@contextmanager
def only_stack(settings: Settings, *, owner_is_ending: bool = False) -> Iterator[None]:
    """Be the only process that serves this MYI_HOME. Raises AlreadyUp.

    Waits while the guardian of a stack whose owner was killed ends what that one has left; and for a caller who knows
    that the owner is ending, until it has: a process that is killed closes its files one after the other.
    """
    is_served = _owner_lives(settings) and not owner_is_ending
    try:
        lock = FileLock(_lock_file(settings)).acquire(timeout=0 if is_served else SECONDS_TO_END)
    except Timeout:
        raise AlreadyUp(
            f"MYI already runs in {settings.home} (pid {owner_of(settings)}): use it, or stop it first"
        ) from None
    with lock:
        yield


def owner_of(settings: Settings) -> int | None:
    """The pid of the process that serves this MYI_HOME; None when no process does."""
    if not settings.home.is_dir():
        return None
    try:
        with FileLock(_lock_file(settings), timeout=0):
            return None
    except Timeout:
        return read_state(settings).owner
    except OSError:
        return None


def read_state(settings: Settings) -> StackState:
    """What the latest stack wrote; nothing when it ended in order, or when the file cannot be read."""
    try:
        content = json.loads(_state_file(settings).read_text())
    except (OSError, ValueError):
        return StackState()
    return _parsed(content) if isinstance(content, dict) else StackState()


def write_state(settings: Settings, state: StackState) -> None:
    """Remember what this stack has started."""
    _state_file(settings).write_text(json.dumps(state._asdict()))


def remove_state(settings: Settings) -> None:
    """Forget the stack, which has ended."""
    _state_file(settings).unlink(missing_ok=True)


def _owner_lives(settings: Settings) -> bool:
    owner = read_state(settings).owner
    return owner == 0 or psutil.pid_exists(owner)


def _parsed(content: dict[str, Any]) -> StackState:
    owner, servers = content.get("owner"), content.get("servers")
    return StackState(
        owner=owner if isinstance(owner, int) else 0,
        servers=tuple(map(str, servers)) if isinstance(servers, list) else (),
        stack_id=str(content.get("stack_id", "")),
    )


def _lock_file(settings: Settings) -> Path:
    return settings.home / "stack.lock"


def _state_file(settings: Settings) -> Path:
    return settings.home / "stack.json"
