"""What questions read: the partitions of their range, by an index, and how they speak of what is in the archive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from benchmarks.plans import executed, nodes, touched
from myi_pipelines.serving.queries import (
    activity,
    comparison,
    discoveries,
    history,
    items,
    listeners,
    milestones,
    music,
    search,
    tops,
)
from myi_pipelines.serving.queries.activity import Step
from myi_pipelines.serving.queries.review import review
from myi_pipelines.serving.queries.scope import Days, Filters, Listener, Scope, parse_range
from myi_pipelines.serving.queries.tops import Kind
from myi_pipelines.sources.exports import Play, Track
from myi_pipelines.warehouse.database.connections import Connection, connect
from myi_pipelines_tests.support.archive_fixtures import ArchivingWarehouse, open_archiving_warehouse
from myi_pipelines_tests.support.shared_servers import SessionServers, database_name
from myi_pipelines_tests.support.strategies import CONTEXT
from myi_pipelines_tests.support.warehouse_harness import open_warehouse

ZONE = "Asia/Kathmandu"
MONTHS = [date(2023, month, 1) for month in range(1, 9)]
TODAY = date(2023, 8, 20)
CUSTOM = Days(date(2023, 3, 20), date(2023, 6, 10))


@pytest.fixture
def database_url(session_servers: SessionServers, request: pytest.FixtureRequest, worker_id: str) -> Iterator[str]:
    template = session_servers.template("planned", _fill)
    with session_servers.database(database_name(request.node.nodeid, worker_id), template) as url:
        yield url


def _fill(url: str) -> None:
    with open_warehouse(url) as opened:
        user_id = opened.user("anna", ZONE)
        opened.land(user_id, [_play(month, number) for month in MONTHS for number in range(40)], batch_rows=500)
        opened.settle([user_id])


@pytest.fixture
def warehouse(database_url: str, tmp_path: Path) -> Iterator[ArchivingWarehouse]:
    with open_archiving_warehouse(database_url, tmp_path / "archive") as opened:
        yield opened


@pytest.fixture
def reader(warehouse: ArchivingWarehouse, database_url: str) -> Iterator[Connection]:
    """A session in which no scan of a whole table is chosen because the table is small."""
    with connect(database_url) as conn:
        conn.execute("ANALYZE")
        conn.execute("SET enable_seqscan = off")
        yield conn


@pytest.fixture
def anna(reader: Connection) -> Listener:
    return listeners.find_listener(reader, "anna")


def _play(month: date, number: int, tracks: int = 10) -> Play:
    """Plays on each day of a month from the second on, of some tracks."""
    ended = datetime(month.year, month.month, 2 + number // 2 % 26, 6 + number % 2 + number // 52, tzinfo=UTC)
    song = number % tracks
    track = Track(f"{song:022}", f"Song {song}", f"Artist {song % 3}", "Album")
    return Play(track, CONTEXT, ended, ended, 100_000)


QUESTIONS: dict[str, Callable[[Connection, Scope], object]] = {
    "tops": lambda conn, scope: tops.tops(conn, scope, Kind),
    "genres": lambda conn, scope: tops.top_genres(conn, scope),
    "distinct": activity.distinct,
    "days": lambda conn, scope: activity.activity(conn, scope, Step.DAY),
    "clock": activity.clock,
    "ways": activity.ways,
    "history": history.history,
    "sessions": history.sessions,
    "number ones": milestones.weeks_at_number_one,
    "releases": music.releases,
    "diversity": music.diversity,
    "discoveries": discoveries.discoveries,
}
FILTERED = {name: QUESTIONS[name] for name in ("tops", "days", "clock", "history", "sessions", "ways", "number ones")}


def months_of(partitions: frozenset[str], table: str) -> set[int]:
    return {int(name[-2:]) for name in partitions if name.startswith(f"{table}_y2023")}


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_opens_the_partitions_of_its_range_only(reader: Connection, anna: Listener, name: str) -> None:
    with executed(reader) as plans:
        QUESTIONS[name](reader, Scope(anna, CUSTOM))
    found = touched(plans).partitions
    # The last months of the statistics may be read to leave them out.
    assert months_of(found, "listening_events") <= {2, 3, 4, 5, 6}
    scans = [node for plan in plans for node in nodes(plan) if node["Node Type"] == "Seq Scan"]
    assert not [node for node in scans if node["Relation Name"].startswith("listening_events")]


@pytest.mark.parametrize("name", ["tops", "genres", "distinct", "clock", "ways"])
def test_whole_months_are_not_read_play_by_play(reader: Connection, anna: Listener, name: str) -> None:
    for days in (CUSTOM, Days(date(2023, 2, 1), date(2023, 6, 30)), Days(date(2000, 1, 1), date(2030, 1, 1))):
        with executed(reader) as plans:
            QUESTIONS[name](reader, Scope(anna, days))
        assert 4 not in months_of(touched(plans).partitions, "listening_events")


@pytest.mark.parametrize("name", FILTERED)
def test_filtered_questions_are_bounded_too(reader: Connection, anna: Listener, name: str) -> None:
    artist = tops.tops(reader, Scope(anna, CUSTOM), [Kind.ARTIST])[Kind.ARTIST].rows[0].item.id
    for filters in (Filters(artist_id=artist), Filters(platform="ios", skipped=False)):
        with executed(reader) as plans:
            FILTERED[name](reader, Scope(anna, CUSTOM, filters=filters))
        assert months_of(touched(plans).partitions, "listening_events") <= {3, 4, 5, 6}


def test_a_listener_of_whom_the_planner_knows_nothing_is_answered_from_few_rows(
    warehouse: ArchivingWarehouse, reader: Connection
) -> None:
    user_id = warehouse.user("ben", ZONE)  # after ANALYZE
    plays = [_play(month, number, tracks=100) for month in MONTHS for number in range(100)]
    warehouse.land(user_id, plays, batch_rows=500)
    warehouse.settle([user_id])
    ben = listeners.find_listener(reader, "ben")
    scope = Scope(ben, Days(date(2023, 1, 1), date(2023, 12, 31)))
    with executed(reader) as plans:
        tops.tops(reader, scope, Kind, each=100)
        music.releases(reader, scope)
        music.diversity(reader, scope)
        music.share_heard(reader, scope)
        music.artists_by_year(reader, ben)
    looked_up = [node for plan in plans for node in nodes(plan) if "ANY (" in node.get("Index Cond", "")]
    assert looked_up
    assert max(node["Actual Loops"] for node in looked_up) <= 2


def test_neighbours_are_looked_up_in_the_months_of_the_latest_plays(reader: Connection, anna: Listener) -> None:
    ended = [_play(month, 0).played_at for month in (MONTHS[1], MONTHS[5])]
    song = tops.tops(reader, Scope(anna, CUSTOM), [Kind.SONG])[Kind.SONG].rows[0].item
    with executed(reader) as plans:
        found = items.neighbours(reader, Scope(anna, CUSTOM), [song.id + 1_000], at=ended)
    assert [(one.track.name, one.play_count) for one in found] == [("Song 0", 2)]
    scans = [node for plan in plans for node in nodes(plan) if node.get("Relation Name", "").startswith("listening_e")]
    assert sorted(node["Relation Name"][-2:] for node in scans) == ["02", "06"]  # no other is planned either
    assert all("played_at" in node["Index Cond"] for node in scans)


def test_a_page_of_history_reads_the_months_next_to_it(reader: Connection, anna: Listener) -> None:
    with executed(reader) as plans:
        page = history.history(reader, Scope(anna, Days(date(2000, 1, 1), date(2030, 1, 1))), each=10)
    assert [play.played_at.month for play in page.plays] == [8] * 10
    assert months_of(touched(plans).partitions, "listening_events") <= {7, 8}


def test_a_search_finds_what_was_played_by_any_of_its_words(reader: Connection, anna: Listener) -> None:
    def names(text: str) -> list[tuple[str, str]]:
        return [(found.kind.value, found.name) for found in search.search(reader, anna, text)]

    assert names("song 7") == [("song", "Song 7")]
    assert names("ARTIST 1 song 4") == [("song", "Song 4")]
    assert names("artist")[:3] == [("artist", "Artist 0"), ("artist", "Artist 1"), ("artist", "Artist 2")]
    assert [kind for kind, _ in names("alb")][:1] == ["album"]
    for nothing in ("", " ", "%", "_____________", "\\", "nobody", "x" * 10_000, "\0", "\udc80"):
        assert names(nothing) == []


def test_a_review_and_a_comparison_compose_the_other_answers(reader: Connection, anna: Listener) -> None:
    may = parse_range("2023-05", TODAY, anna)
    found = review(reader, Scope(anna, may.days), may, TODAY)
    assert found.compared.totals.play_count == 40
    assert found.compared.before
    assert found.compared.before.play_count == 40
    assert found.compared.year_before is None
    assert [row.before.rank for row in found.tops[Kind.SONG].rows if row.before] == list(range(1, 11))
    assert (found.distinct.songs, found.distinct.artists, found.archived) == (10, 3, ())
    both = comparison.compare(reader, Scope(anna, may.days), Scope(anna, may.days))
    assert both.score == 100
    assert len(both.shared[Kind.SONG]) == 10


def test_what_is_in_the_archive_is_counted_or_named(warehouse: ArchivingWarehouse, reader: Connection) -> None:
    warehouse.archive(only=[date(2023, 3, 1), date(2023, 4, 1)])
    anna = listeners.find_listener(reader, "anna")
    whole, cut = Days(date(2023, 3, 1), date(2023, 4, 30)), Days(date(2023, 3, 10), date(2023, 4, 30))
    assert activity.totals(reader, Scope(anna, cut)).play_count == 64  # days are statistics
    complete = tops.tops(reader, Scope(anna, whole), [Kind.SONG])[Kind.SONG]
    assert (sum(row.play_count for row in complete.rows), complete.archived) == (80, ())
    partial = tops.tops(reader, Scope(anna, cut), [Kind.SONG])[Kind.SONG]
    assert partial.archived == (date(2023, 3, 1),)
    page = history.history(reader, Scope(anna, whole))
    assert (page.plays, page.archived) == ([], (date(2023, 3, 1), date(2023, 4, 1)))
    assert activity.activity(reader, Scope(anna, whole, filters=Filters(skipped=False)), Step.DAY).archived
    assert milestones.milestones(reader, anna, [85])[0][:3] == (85, date(2023, 3, 4), None)
    song = complete.rows[0].item
    tracks = items.tracks_of(reader, anna, Kind.SONG, song.id)
    assert sum(month.play_count for month in activity.life(reader, anna, tracks)) == song.play_count
    then, archived = milestones.on_this_day(reader, anna, date(2024, 3, 5))
    assert ([one.play_count for one in then], archived) == ([2], (date(2023, 3, 1),))
    # The hours from the end of the local month to that of the UTC month are in the archive, too.
    assert activity.clock(reader, Scope(anna, cut)).archived == (date(2023, 3, 1), date(2023, 4, 1))


def test_a_play_counts_once_for_a_genre_that_several_of_its_artists_have(
    warehouse: ArchivingWarehouse, reader: Connection, anna: Listener
) -> None:
    conn = warehouse.conn
    conn.execute("UPDATE artists SET genres = ARRAY['pop', name]")
    conn.execute(
        "INSERT INTO track_artists (track_id, artist_id, position)"
        " SELECT t.id, a.id, 1 FROM tracks AS t, artists AS a WHERE t.name = 'Song 1' AND a.name = 'Artist 2'"
    )
    genres, _ = tops.top_genres(reader, Scope(anna, Days(date(2023, 5, 1), date(2023, 5, 31))))
    assert {one.genre: one.play_count for one in genres} == {
        "pop": 40, "Artist 0": 16, "Artist 1": 12, "Artist 2": 16
    }  # fmt: skip


def test_what_is_playing_is_found_by_its_id_or_its_names_alone(reader: Connection, anna: Listener) -> None:
    with executed(reader) as plans:
        by_id = items.playing_song(reader, anna, name="Other", artist="Nobody", spotify_id=f"{3:022}")
        by_names = items.playing_song(reader, anna, name="song 4", artist="ARTIST 1")
        neither = items.playing_song(reader, anna, name="Song 4", artist="Nobody")
    assert [found and found.name for found in (by_id, by_names, neither)] == ["Song 3", "Song 4", None]
    scans = [node for plan in plans for node in nodes(plan) if node["Node Type"] == "Seq Scan"]
    assert scans == []
