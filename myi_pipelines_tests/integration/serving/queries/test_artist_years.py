"""The places of artists by year: found once, and anew as soon as anything of them has changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from unittest.mock import patch

import pytest

from benchmarks.plans import executed
from myi_pipelines.operations import correcting
from myi_pipelines.serving.queries import artist_years, items, listeners, music, tops
from myi_pipelines.serving.queries.items import YearRank
from myi_pipelines.serving.queries.scope import Days, Listener, Measure, Scope
from myi_pipelines.serving.queries.tops import Kind
from myi_pipelines.sources.exports import Play, Track
from myi_pipelines.warehouse import corrections
from myi_pipelines.warehouse.database.connections import Connection, connect
from myi_pipelines_tests.support.strategies import CONTEXT
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse

NOON = datetime(2022, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def warehouse(database_url: str) -> Iterator[Warehouse]:
    with open_warehouse(database_url) as opened:
        yield opened


@pytest.fixture
def reader(warehouse: Warehouse, database_url: str) -> Iterator[Connection]:
    with connect(database_url) as conn:
        yield conn


def plays(artist: str, *minutes: int, year: int = 2022) -> list[Play]:
    """As many as minutes are given, each so long."""
    track = Track(f"{artist:0>22}", f"Song of {artist}", artist, "Album")
    ends = [NOON.replace(year=year) + timedelta(days=number) for number in range(len(minutes))]
    return [Play(track, CONTEXT, end, end, length * 60_000) for end, length in zip(ends, minutes, strict=True)]


def places(reader: Connection, anna: Listener, name: str, measure: Measure = Measure.PLAYS) -> list[YearRank]:
    [(artist,)] = reader.execute("SELECT id FROM artists WHERE name = %s", [name]).fetchall()
    return items.years_of(reader, anna, Kind.ARTIST, artist, months=(), measure=measure)


def test_all_artists_are_placed_at_once_until_something_changes(warehouse: Warehouse, reader: Connection) -> None:
    user_id = warehouse.user("anna", "UTC")
    warehouse.land(user_id, [*plays("Often", 1, 1, 1), *plays("Long", 9, 9), *plays("Often", 2, year=2023)])
    warehouse.settle([user_id])
    anna = listeners.find_listener(reader, "anna")
    with executed(reader) as plans:
        assert places(reader, anna, "Often") == [YearRank(2022, 1, 3, 180_000), YearRank(2023, 1, 1, 120_000)]
        first = len(plans)
        assert places(reader, anna, "Long") == [YearRank(2022, 2, 2, 1_080_000)]
        assert music.artists_by_year(reader, anna)[1][2022].artists == 2
    assert len(plans) == first + 1, "only the name is looked up"
    assert places(reader, anna, "Long", Measure.TIME) == [YearRank(2022, 1, 2, 1_080_000)]
    [(track,)] = reader.execute("SELECT spotify_id FROM tracks WHERE name = 'Song of Often'").fetchall()
    correcting.hide(warehouse.session(), user_id, corrections.Kind.HIDE_TRACK, {"spotify_id": track})
    anna = listeners.find_listener(reader, "anna")
    assert places(reader, anna, "Often") == []
    assert places(reader, anna, "Long") == [YearRank(2022, 1, 2, 1_080_000)]


def test_what_was_asked_for_last_is_kept(warehouse: Warehouse, reader: Connection) -> None:
    for name in ("anna", "ben"):
        user_id = warehouse.user(name, "UTC")
        warehouse.land(user_id, [*plays("Often", 1, 1), *plays("Long", 9)], salt=name)
        warehouse.settle([user_id])
    found = [listeners.find_listener(reader, name) for name in ("anna", "ben")]
    with patch.object(artist_years, "MOST_KEPT", 3):
        for one in found:
            assert artist_years.artist_years(reader, one, Measure.PLAYS).years[2022].play_counts.tolist() == [2, 1]
        with executed(reader) as plans:
            artist_years.artist_years(reader, found[1], Measure.PLAYS)
            assert len(plans) == 0
            artist_years.artist_years(reader, found[0], Measure.PLAYS)
        assert len(plans) == 1


def test_a_play_of_several_artists_counts_once_for_a_genre_that_they_share(
    warehouse: Warehouse, reader: Connection
) -> None:
    user_id = warehouse.user("anna", "UTC")
    warehouse.land(user_id, [*plays("One", 1, 1, 1), *plays("Other", 9, 9, year=2023)])
    warehouse.settle([user_id])
    anna = listeners.find_listener(reader, "anna")
    warehouse.conn.execute("UPDATE artists SET genres = ARRAY['rock', lower(name)]")
    warehouse.conn.execute(
        "INSERT INTO track_artists (track_id, artist_id, position)"
        " SELECT t.id, a.id, 1 FROM tracks AS t, artists AS a WHERE t.name = 'Song of One' AND a.name = 'Other'"
    )
    found = music.genres_by_year(reader, anna)
    assert [(one.genre, one.play_count) for one in found[2022]] == [("one", 3), ("other", 3), ("rock", 3)]
    assert [(one.genre, one.play_count) for one in found[2023]] == [("other", 2), ("rock", 2)]
    assert found[2022] == tops.top_genres(reader, Scope(anna, Days(date(2022, 1, 1), date(2022, 12, 31))))[0]
