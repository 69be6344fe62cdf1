"""Artists of whom one song only was played, also where the song is on several releases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from myi_pipelines.serving.queries import discoveries, listeners
from myi_pipelines.sources.exports import Play, Track
from myi_pipelines_tests.support.strategies import CONTEXT
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse

NOON = datetime(2023, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def warehouse(database_url: str) -> Iterator[Warehouse]:
    with open_warehouse(database_url) as opened:
        yield opened


def plays(number: int, name: str, artist: str, times: int) -> list[Play]:
    track = Track(f"{number:022}", name, artist, f"Album {number}")
    ends = [NOON + timedelta(days=number, minutes=5 * at) for at in range(times)]
    return [Play(track, CONTEXT, end, end, 60_000) for end in ends]


def test_a_song_on_several_releases_is_one_song(warehouse: Warehouse) -> None:
    user_id = warehouse.user("anna", "UTC")
    history = [
        *plays(1, "Tune", "Twice", 4),
        *plays(2, "Tune - Remastered 2011", "Twice", 3),
        *plays(3, "First", "Several", 9),
        *plays(4, "Second", "Several", 9),
        *plays(5, "Once", "Single", 5),
        *plays(6, "Rare", "Seldom", 2),
    ]
    warehouse.land(user_id, history)
    warehouse.settle([user_id])
    anna = listeners.find_listener(warehouse.conn, "anna")
    found = [
        (one.artist.name, one.song.name, one.song.play_count)
        for one in discoveries.one_hit_wonders(warehouse.conn, anna, at_least=5)
    ]
    assert found == [("Twice", "Tune", 7), ("Single", "Once", 5)]
