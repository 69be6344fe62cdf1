"""What Ctrl-C leaves behind when a change is committed, and what follows from it is still to be derived."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from myi_pipelines.errors import StoppedError
from myi_pipelines.warehouse.database.connections import came_of_an_interrupt

SAME_COMMAND = "the same command again"
REPAIR = "`myi verify --repair`"
"""After a change that cannot be asked for twice."""


class DerivingInterrupted(StoppedError):
    """A change is made, and not all that follows from it."""


@contextmanager
def change_is_kept(by: str = SAME_COMMAND) -> Iterator[None]:
    """For a block that derives what follows from a committed change, as ``by`` does. Raises DerivingInterrupted."""
    line = f"interrupted: the change is made and stays; `myi up`, or {by}, brings the statistics up to date"
    try:
        yield
    except KeyboardInterrupt:
        raise DerivingInterrupted(line) from None
    except psycopg.Error as error:
        if came_of_an_interrupt(error):
            raise DerivingInterrupted(line) from None
        raise
