"""Ctrl-C, SIGTERM and a closed terminal: how a command that runs for long stops in order."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stopping_on_signals() -> Iterator[None]:
    """Turn the first Ctrl-C, SIGTERM or closed terminal into a KeyboardInterrupt, and ignore those that follow.

    Stopping everything in order takes a few seconds and must not be cut short.
    """
    is_stopping = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal is_stopping
        if not is_stopping:
            is_stopping = True
            raise KeyboardInterrupt

    with _handled_by(stop):
        yield


def ignoring_signals() -> AbstractContextManager[None]:
    """Ignore these signals within the block, which stops processes. Outside of the main thread nothing is changed."""
    return _handled_by(signal.SIG_IGN) if threading.current_thread() is threading.main_thread() else nullcontext()


@contextmanager
def _handled_by(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in STOPPING}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
