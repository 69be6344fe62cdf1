"""Somebody who reads while others write: asks what pages ask, as the login of pages, and compares each answer with what
the plays say at the same instant. An answer that no committed state justifies is kept."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from random import Random

from myi_pipelines.runtime.reader import reader_url
from myi_pipelines.serving.context import reader_pool
from myi_pipelines.serving.queries import activity as activities
from myi_pipelines.serving.queries import listeners, periods, tops
from myi_pipelines.serving.queries.activity import Step
from myi_pipelines.serving.queries.instant import one_instant
from myi_pipelines.serving.queries.scope import Days, Listener, Measure, Scope
from myi_pipelines.serving.queries.tops import Kind
from myi_pipelines.settings import load_settings
from myi_pipelines.warehouse.database.connections import Connection, connect
from myi_pipelines.warehouse.users import UnknownUser
from myi_pipelines_tests.support import slow_answers as slow

SECONDS_BETWEEN = 0.05
MANY = 100_000


class Reader:
    """Reads in a thread of its own."""

    def __init__(self, url: str, users: Sequence[str], chance: Random) -> None:
        self.answers = 0
        """How many times everything that was asked of a user was right or wrong."""
        self.wrong: list[str] = []
        self._users, self._chance = users, chance
        self._pool = reader_pool(url, connections=1, least=1)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._read, name="reader")

    def start(self) -> None:
        self._pool.open()
        self._thread.start()

    def stop(self) -> None:
        """Read no more; its session is closed then."""
        self._is_over.set()
        self._thread.join()
        self._pool.close()

    def _read(self) -> None:
        while not self._is_over.wait(SECONDS_BETWEEN) and not self.wrong:
            try:
                with self._pool.connection() as conn, one_instant(conn):
                    listener = listeners.find_listener(conn, self._chance.choice(self._users))
                    self.wrong += differences(conn, listener, self._chance)
            except UnknownUser:
                continue
            except Exception:
                self.wrong.append(traceback.format_exc())
            self.answers += 1


@contextmanager
def reading(database_url: str, users: Sequence[str], seed: object) -> Iterator[Reader]:
    """A reader of a warehouse, who reads for as long as the block lasts."""
    settings = load_settings(database_url=database_url, home=Path("/dev/null/no-home"))
    with closing(connect(database_url)) as owner:
        url = reader_url(settings, owner)
    reader = Reader(url, users, Random(f"reader {seed}"))
    reader.start()
    try:
        yield reader
    finally:
        reader.stop()


def differences(conn: Connection, listener: Listener, chance: Random) -> Iterator[str]:
    """What does not agree with the plays of this instant: of all time, and of any range.

    While months are being derived, which pages say, and where some are archived, all answers about all time must agree
    with one another."""
    ever = periods.ever(listener)
    if listener.first_day is None or listener.last_day is None:
        return
    events = slow.events_of(conn, listener.id, listener.timezone)
    totals = activities.totals(conn, ever)
    has_other_events = bool(
        listeners.freshness(conn, listener).user_months or periods.archived_in(conn, listener, [ever.days])
    )
    counted = totals[:2] if has_other_events else slow.summed(events)
    months = activities.activity(conn, ever, Step.MONTH).buckets
    cells = activities.clock(conn, ever).cells
    ways = [one for one in activities.ways(conn, ever)[0] if one.dimension == "SKIP"]
    tracks = tops.tops(conn, ever, [Kind.TRACK], each=MANY)[Kind.TRACK].rows
    for what, rows in (("totals", [totals]), ("months", months), ("clock", cells), ("ways", ways), ("tracks", tracks)):
        found = sum(one.play_count for one in rows), sum(one.total_ms for one in rows)
        if found != counted:
            yield f"{listener.name}, all time: {what} say {found}, should be {counted}"
    if has_other_events:
        return
    length = (listener.last_day - listener.first_day).days
    two = [listener.first_day + timedelta(days=chance.randint(0, length)) for _ in range(2)]
    scope = Scope(listener, Days(min(two), max(two)), chance.choice(list(Measure)))
    chosen = slow.between(events, *scope.days)
    if (found := activities.totals(conn, scope)[:2]) != slow.summed(chosen):
        yield f"{listener.name}, {scope.days}: totals say {found}, should be {slow.summed(chosen)}"
    songs = [
        (row.item.id, row.play_count, row.total_ms)
        for row in tops.tops(conn, scope, [Kind.SONG], each=MANY)[Kind.SONG].rows
    ]
    if songs != slow.ranked(chosen, "song", by_time=scope.measure is Measure.TIME):
        yield f"{listener.name}, {scope.days}: the top songs are not those of the plays"
