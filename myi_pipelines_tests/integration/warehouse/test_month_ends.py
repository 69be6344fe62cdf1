"""Plays near the end of a month decide what the neighbouring month's events are, whichever of them arrives last.

Each example is a sequence of arrivals after which a neighbouring month once stayed as it was, or might stay so. After
every arrival all tables are compared with the reference. Times from 12:00 on are of the last day of February 2021, and
earlier times are of the first of March.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypeAlias

import psycopg
import pytest

from myi_pipelines.sources.exports import Play, Track
from myi_pipelines.warehouse.database.connections import connect
from myi_pipelines.warehouse.database.locks import Lock, acquire, shared
from myi_pipelines.warehouse.user_months import Stage
from myi_pipelines_tests.support import reference
from myi_pipelines_tests.support.reference import Landing, Polled, derive
from myi_pipelines_tests.support.strategies import ACCOUNT, CONTEXT
from myi_pipelines_tests.support.warehouse_harness import assert_ids_are_kept, open_warehouse

Arrival: TypeAlias = list[Play] | list[Polled]

SONG_ID = "a" * 22
SONG = Track(SONG_ID, "Song", "Artist", "Album")


def at(text: str) -> datetime:
    """A time of the two days around the month's end, or of the day that is given."""
    day = "2021-02-28" if text >= "12" else "2021-03-01"
    return datetime.fromisoformat(text if "T" in text else f"{day}T{text}").replace(tzinfo=UTC)


def extended(ended: str, ms: int = 6_000, played: str | None = None) -> Play:
    return Play(SONG, CONTEXT, at(played or ended), at(ended), ms)


def account(ended: str, ms: int = 6_000) -> Play:
    return Play(Track(None, "Song", "Artist", None), ACCOUNT, at(ended), at(ended), ms)


def polled(moment: str) -> Polled:
    return Polled(SONG_ID, at(moment), 200_000)


NAMED = [extended("12:00:00", ms=0)]  # says that the id is this song

STORIES: dict[str, list[Arrival]] = {
    "an end polled later takes the export row from the start polled in the month before": [
        [extended("00:05:00", ms=420_000)],
        [polled("23:58:00")],
        [polled("00:05:01")],
    ],
    "an end polled later takes the export row from an end polled in the month before": [
        [extended("23:59:59")],
        [polled("23:59:57")],
        [polled("00:00:00")],
    ],
    "account data frees account data for a poll of the month before": [
        NAMED,
        [account("00:00:00")],
        [polled("23:59:57.500"), polled("00:01:02")],
        [account("00:01:00")],
    ],
    "an export row frees another for a poll of the month before": [
        [extended("00:00:01")],
        [polled("23:59:58.200"), polled("00:00:03.500")],
        [extended("00:00:04")],
    ],
    "an export row frees a whole chain": [
        [extended("00:00:01", ms=5_000), extended("00:00:06", ms=5_000)],
        [polled("23:59:58.200"), polled("00:00:03.700"), polled("00:00:08.500")],
        [extended("00:00:09", ms=5_000)],
    ],
    "an export row takes a poll from account data of the month before": [
        NAMED,
        [account("23:59:00")],
        [polled("00:00:02")],
        [extended("00:00:03")],
    ],
    "the start of a play lies in the month before": [
        [polled("23:58:00")],
        [extended("00:05:00", ms=420_000)],
    ],
    "a play heard offline in one month beats account data of the next": [
        [account("02:00:00")],
        [extended("20:00:00", played="02:00:30")],
    ],
    "a play heard offline in one month beats account data of the next that lands later": [
        [extended("20:00:00", played="02:00:30")],
        [account("02:00:00")],
    ],
    "a play heard offline in the middle of one month beats account data in the middle of the next": [
        [account("2021-03-09T02:00:00")],
        [extended("2021-02-10T20:00:00", played="2021-03-09T02:00:30")],
    ],
    "account data beaten by an offline play gives its poll back": [
        NAMED,
        [account("00:00:00")],
        [polled("23:59:58")],
        [extended("20:00:00", played="00:00:30")],
    ],
    "a stream that is exported twice ends on both sides of the month's end": [
        [extended("23:59:59")],
        [extended("00:00:01")],
    ],
    "a poll that matches account data has a better match by its end": [
        NAMED,
        [polled("01:00:30")],
        [account("01:00:00")],
        [extended("01:00:32")],
    ],
}


@pytest.mark.parametrize("story", STORIES)
def test_neighbouring_months_agree(database_url: str, story: str) -> None:
    landing = Landing("UTC", [], [])
    with open_warehouse(database_url) as warehouse:
        user_id = warehouse.user("anna", "UTC")
        for arrival in STORIES[story]:
            plays = [row for row in arrival if isinstance(row, Play)]
            polls = [row for row in arrival if isinstance(row, Polled)]
            before = warehouse.identities(user_id)
            if plays:
                warehouse.land(user_id, plays)
            warehouse.poll(user_id, polls)
            warehouse.settle([user_id])
            landing = landing._replace(plays=[*landing.plays, *plays], polled=[*landing.polled, *polls])

            assert warehouse.tables(user_id) == derive({"anna": landing})["anna"]
            upgrades = reference.conform(landing, reference.catalog_of(landing.plays)).upgrades
            assert_ids_are_kept(before, warehouse.identities(user_id), upgrades)


def test_only_an_event_that_moves_needs_the_other_months_to_wait(database_url: str) -> None:
    """Another session derives a month of the same user all the time: it holds the user's lock as one that shares it."""
    with open_warehouse(database_url) as warehouse, connect(database_url) as other:
        user_id = warehouse.user("anna", "UTC")
        warehouse.land(user_id, NAMED)
        warehouse.settle([user_id])
        for conn in (warehouse.conn, warehouse.status_conn):
            conn.execute("SET lock_timeout = '200ms'")

        def derive_beside() -> None:
            with other.transaction():
                acquire(other, shared(Lock.USER, user_id))
                warehouse.conform(warehouse.stale(user_id, Stage.EVENTS))

        warehouse.poll(user_id, [polled("23:59:58"), polled("20:00:00")])
        derive_beside()  # new events

        warehouse.land(user_id, [extended("00:00:02")])
        with pytest.raises(psycopg.errors.LockNotAvailable):
            derive_beside()  # the first of them is a play of March
        warehouse.conform(warehouse.stale(user_id, Stage.EVENTS))
        assert [played_at for _, played_at in warehouse.identities(user_id)] == [at("20:00:00"), at("00:00:02")]
