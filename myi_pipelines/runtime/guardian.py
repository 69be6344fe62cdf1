"""Ends what ``myi up`` has started when ``myi up`` has ended in a way that lets nothing follow: SIGKILL, a crash.

``python -m myi_pipelines.runtime.guardian``, with a pipe as its standard input that only ``myi up`` holds open.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from myi_pipelines.runtime.signals import ignoring_signals
from myi_pipelines.runtime.stack_state import AlreadyUp, only_stack
from myi_pipelines.settings import Settings, load_settings


@contextmanager
def guarded(settings: Settings) -> Iterator[None]:
    """A guardian for as long as the block runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "myi_pipelines.runtime.guardian"],
        env=os.environ | settings.as_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C in our terminal must not reach it.
    )
    assert process.stdin is not None
    try:
        yield
    finally:
        process.kill()
        process.wait()
        process.stdin.close()


def main() -> None:
    """Wait until ``myi up`` has ended, then end what it left, unless another ``myi up`` has taken it over."""
    from myi_pipelines.runtime.servers import stop_servers
    from myi_pipelines.runtime.stack import end_killed_stack

    settings = load_settings()
    with ignoring_signals():
        sys.stdin.buffer.read()
        with suppress(AlreadyUp), only_stack(settings, owner_is_ending=True):
            stop_servers(settings, end_killed_stack(settings))


if __name__ == "__main__":
    main()
