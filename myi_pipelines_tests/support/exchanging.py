"""A warehouse that builds every month aside and swaps it in, however small, and a household to fill it with.

Shared by the tests of swaps and by the process that they kill. No expectations here.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

from myi_pipelines.sources.exports import Play, Track
from myi_pipelines.warehouse import partitions, rebuild, user_months
from myi_pipelines.warehouse.database import connections
from myi_pipelines.warehouse.user_months import Stage, UserMonth
from myi_pipelines_tests.support.reference import MIN_PLAY_MS, Landing, Polled
from myi_pipelines_tests.support.strategies import CONTEXT
from myi_pipelines_tests.support.warehouse_harness import Warehouse

APPLICATION = "myi swap test"
MONTHS = [date(2021, 5, 1), date(2021, 6, 1)]


class Swapping(Warehouse):
    """Conforms by swaps only, all listeners' slices at once."""

    def conform(self, chosen: Iterable[UserMonth], min_play_ms: int = MIN_PLAY_MS) -> Counter[str]:
        chosen = list(chosen)
        partitions.ensure_months(self.conn, {one.month for one in chosen})
        counts: Counter[str] = Counter()
        session = self.session(min_play_ms)
        for _, conformed in rebuild.derive_user_months(session, chosen, on_exchange=self.count_swap):
            counts.update(conformed._asdict())
        return counts

    def settle(self, user_ids: Iterable[int]) -> None:
        user_ids = list(user_ids)
        for _ in range(5):
            self.sync()
            self.conform(one for user_id in user_ids for one in self.stale(user_id, Stage.EVENTS))
            for user_id in user_ids:
                self.refresh(user_id, [])
            if not any(self.stale(user_id, stage) for user_id in user_ids for stage in Stage):
                return
        raise AssertionError("slices are still stale after 5 rounds")

    def count_swap(self, month: date) -> None:
        swaps[month] += 1


swaps: Counter[date] = Counter()
"""How often each month was swapped in by this process."""


@contextmanager
def open_swapping(url: str, *, application_name: str = "myi") -> Iterator[Swapping]:
    with (
        connections.connect(url, application_name=application_name) as conn,
        connections.connect(url, application_name=application_name) as status_conn,
    ):
        yield Swapping(conn, status_conn)


def always_swap() -> dict[str, float]:
    """What to set in ``rebuild`` so that no month is too small, nor too much as it should be, to be swapped."""
    return {"USER_MONTHS_AT_LEAST": 1, "PLAYS_AT_LEAST": 0, "SHARE_TO_WRITE": 0}


def landing(seed: int, *, plays: int = 120) -> Landing:
    """Some plays of two months over tracks that all listeners share; every third listener was polled too."""
    chance = random.Random(seed)
    began = datetime(2021, 5, 1, tzinfo=UTC)
    told = []
    for _ in range(plays):
        ended = began + timedelta(seconds=chance.randrange(61 * 86_400))
        number = chance.randrange(40)
        track = Track(f"{number:022}", f"Song {number}", f"Artist {number % 7}", f"Album {number % 9}")
        told.append(Play(track, CONTEXT, ended, ended, chance.randrange(1_000, 300_000)))
    polled = [
        Polled(str(play.track.spotify_id), play.played_at + timedelta(milliseconds=chance.randrange(2_000)), 200_000)
        for play in (chance.sample(told, 20) if seed % 3 == 0 else [])
    ]
    return Landing("Europe/Budapest", tuple(told), tuple(polled))


def prepare(warehouse: Warehouse, listeners: int) -> dict[str, int]:
    """Listeners whose plays have landed and are derived, by name."""
    user_ids = {f"listener{number}": 0 for number in range(listeners)}
    for number, name in enumerate(user_ids):
        user_ids[name] = warehouse.user(name, landing(number).timezone)
        warehouse.land(user_ids[name], landing(number).plays, batch_rows=1_000)
        warehouse.poll(user_ids[name], landing(number).polled)
    warehouse.settle(user_ids.values())
    return user_ids


def mark_all(warehouse: Warehouse) -> list[UserMonth]:
    """Every slice there is, to be derived anew."""
    found = user_months.all_user_months(warehouse.conn, MONTHS)
    with warehouse.conn.transaction():
        user_months.invalidate(warehouse.conn, found, Stage.EVENTS)
    return found


def main(url: str) -> None:
    """Rebuild both months, again and again, until killed."""
    for name, value in always_swap().items():
        setattr(rebuild, name, value)
    with open_swapping(url, application_name=APPLICATION) as warehouse:
        print("ready", flush=True)
        while True:
            warehouse.conn.execute("UPDATE listening_events SET ms_played = ms_played + 1 WHERE id % 2 = 0")
            warehouse.conform(mark_all(warehouse))


if __name__ == "__main__":
    main(*sys.argv[1:])
