"""One import, step by step: the calls that the assets make, without Dagster. As a program it prints its peak memory."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from myi_pipelines.ingest.uploads.landing_files import WaitingFile, land_file
from myi_pipelines.sources.exports import Limits
from myi_pipelines.warehouse import catalog, events, rebuild, stats, user_months, users
from myi_pipelines.warehouse.database.connections import Connection, connect
from myi_pipelines.warehouse.landing import Landed, PolledPlay, land_polled_plays
from myi_pipelines.warehouse.partitions import LISTENING_EVENTS, existing_months
from myi_pipelines.warehouse.session import Session

MIN_PLAY_MS = 5_000
USER = "user"

T = TypeVar("T")


class Steps(NamedTuple):
    """Seconds of each step of an import, and what it wrote."""

    land: float
    catalog: float
    conform: float
    stats: float
    rows: int
    added: int

    @property
    def whole(self) -> float:
        """From the ZIP on disk to the last commit of the statistics."""
        return self.land + self.catalog + self.conform + self.stats


def import_file(url: str, path: Path, *, user: str = USER) -> Steps:
    """Import one export file; the result is how long each step took."""
    with connect(url) as conn, connect(url) as second_conn:
        user_id = users.ensure_user(conn, user, "America/New_York")
        landed, land = timed(lambda: _land(conn, second_conn, user_id, path))
        return Steps(land, *derive(conn, second_conn, user_id), rows=landed.total_rows, added=landed.added_rows)


def poll(url: str, plays: list[PolledPlay], *, user: str = USER) -> float:
    """Land polled plays and derive everything from them; seconds."""
    with connect(url) as conn, connect(url) as second_conn:
        user_id = users.user_named(conn, user)
        _, land = timed(lambda: land_polled_plays(conn, user_id, plays))
        return land + sum(derive(conn, second_conn, user_id))


def backfill(url: str, months: int) -> float:
    """Derive the latest months of all users again, events and statistics, as a backfill does; seconds."""
    with connect(url) as conn, connect(url) as second_conn:
        latest = sorted(existing_months(conn, LISTENING_EVENTS))[-months:]
        chosen = user_months.all_user_months(conn, latest)
        session = Session(conn, [second_conn], min_play_ms=MIN_PLAY_MS)
        began = time.perf_counter()
        for derived in (
            rebuild.derive_user_months(session, chosen),
            stats.refresh_user_months(session, chosen, recount=True),
        ):
            for _ in derived:
                pass
        return time.perf_counter() - began


def timed(call: Callable[[], T]) -> tuple[T, float]:
    """The result of a call, and how many seconds it took."""
    began = time.perf_counter()
    result = call()
    return result, time.perf_counter() - began


def _land(conn: Connection, status_conn: Connection, user_id: int, path: Path) -> Landed:
    session = Session(conn, [status_conn], min_play_ms=MIN_PLAY_MS)
    return land_file(session, WaitingFile(path, user_id, Limits()))


def derive(conn: Connection, second_conn: Connection, user_id: int) -> tuple[float, float, float]:
    _, catalog_seconds = timed(lambda: catalog.sync_catalog(conn))
    invalidated = user_months.invalidated_user_months(conn, user_months.Stage.EVENTS, user_id=user_id)
    session = Session(conn, [second_conn], min_play_ms=MIN_PLAY_MS)
    _, conform = timed(lambda: list(events.conform_user_months(session, invalidated)))
    _, stats_seconds = timed(lambda: stats.refresh_stats(session, user_id))
    return catalog_seconds, conform, stats_seconds


def peak_kib() -> int:
    """The peak memory of this process and, if there was one, of its reading process."""
    return _own_peak_kib() + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


def _own_peak_kib() -> int:
    """``ru_maxrss`` starts at the peak of the process that forked this one."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1])


if __name__ == "__main__":
    import_file(sys.argv[1], Path(sys.argv[2]))
    print(peak_kib())
