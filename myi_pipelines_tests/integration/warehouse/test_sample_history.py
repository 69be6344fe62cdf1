"""The sample's histories, of which every real play is known: the warehouse has exactly these, in whatever order."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import NamedTuple, TypeAlias

import pytest

from myi_pipelines.demo.sample_polls import land_sample_polls
from myi_pipelines.ingest.uploads.landing_files import WaitingFile, land_file
from myi_pipelines.simulator.sample import SampleUser, write_sample
from myi_pipelines.simulator.sample.made_up_music import Chapter, Episode, Song
from myi_pipelines.simulator.sample.made_up_plays import Heard, LocalFile
from myi_pipelines.simulator.sample.made_up_polls import ShownPlay
from myi_pipelines.simulator.world import build_world
from myi_pipelines.sources.exports import Limits
from myi_pipelines.warehouse import invariants, landing
from myi_pipelines.warehouse.import_outcomes import outcomes_of_jobs
from myi_pipelines.warehouse.partitions import IMPORTED_PLAYS, existing_months
from myi_pipelines_tests.support.reference import MIN_PLAY_MS
from myi_pipelines_tests.support.warehouse_harness import Warehouse

pytestmark = pytest.mark.slow

END, YEARS = date(2025, 10, 31), 3

Known: TypeAlias = tuple[str, ...]
"""What a listener calls one thing: the song and its artist, the show and its episode, the book and its chapter."""
Plays: TypeAlias = Counter[tuple[Known, int]]
"""How often each thing was played for each number of milliseconds."""


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SampleUser]:
    folder = tmp_path_factory.mktemp("sample")
    return {user.name: user for user in write_sample(folder, users=3, years=YEARS, plays=9_000, end=END)}


# What was really played


def known_as(play: Heard) -> Known:
    match play.thing:
        case Song() as song:
            return song.recording
        case LocalFile() as local:
            return Song("", None, local.title, local.artist, "", 0).recording
        case Episode() as episode:
            return "episode", episode.show, episode.title
        case Chapter() as chapter:
            return "chapter", chapter.book, chapter.title
        case None:
            return ("video",) if play.is_video else ("unidentified",)


def truth(user: SampleUser) -> Plays:
    return Counter((known_as(play), play.ms_played) for play in user.plays if play.ms_played >= MIN_PLAY_MS)


# What the warehouse has


def songs_of(user: SampleUser) -> Mapping[object, Known]:
    """The song of each Spotify id and, for local files and account data, of each pair of names."""
    known: dict[object, Known] = {}
    for play in user.plays:
        if isinstance(play.thing, Song):
            known[play.track_id] = known[play.thing.title, play.thing.artist] = known_as(play)
        elif isinstance(play.thing, LocalFile):
            known[play.thing.title, play.thing.artist] = known_as(play)
    return known


def found(warehouse: Warehouse, user_id: int, user: SampleUser) -> Plays:
    """All events of music and of other things, by the names that a listener knows."""
    songs = songs_of(user)
    known_of_song: dict[int, set[Known]] = defaultdict(set)
    plays: Plays = Counter()
    for song_id, spotify_id, name, artist, ms_played, is_estimated, played_at in warehouse.conn.execute(
        "SELECT track.song_id, track.spotify_id, track.name, artist.name, event.ms_played, event.is_estimated,"
        " event.played_at"
        " FROM listening_events AS event JOIN tracks AS track ON track.id = event.track_id"
        " LEFT JOIN track_artists AS credit ON credit.track_id = track.id AND credit.position = 0"
        " LEFT JOIN artists AS artist ON artist.id = credit.artist_id WHERE event.user_id = %s",
        [user_id],
    ):
        assert not is_estimated, f"{name} by {artist} at {played_at}: a play that was only shown"
        known = songs[spotify_id or (name, artist)]
        known_of_song[song_id].add(known)
        plays[known, ms_played] += 1
    assert all(len(together) == 1 for together in known_of_song.values())
    assert len({known for together in known_of_song.values() for known in together}) == len(known_of_song)
    for kind, name, artist, album, ms_played in warehouse.conn.execute(
        "SELECT event.kind::text, e.track_name, e.artist_name, e.album_name, event.ms_played"
        " FROM episode_events AS event JOIN export_tracks AS e ON e.id = event.export_track_id"
        " WHERE event.user_id = %s",
        [user_id],
    ):
        names = {"EPISODE": (artist, name), "CHAPTER": (album, name)}.get(kind, ())
        plays[(kind.lower(), *names), ms_played] += 1
    return plays


# Orders of arrival


Step: TypeAlias = Path | tuple[ShownPlay, ...]
"""What arrives: a file, or what a poll showed."""


class Order(NamedTuple):
    """In which order everything arrives, and whether the warehouse is derived after each arrival or at the end."""

    arrange: Callable[[list[Step], list[Step]], list[Step]]
    is_derived_between: bool


ORDERS = {
    "as it is sent, after polling": Order(lambda files, polls: [*polls, *files], is_derived_between=True),
    "the last file first, before polling": Order(lambda files, polls: [*files[::-1], *polls], is_derived_between=True),
    "at once, with polls in between": Order(
        lambda files, polls: [*files[1:], *polls, files[0]], is_derived_between=False
    ),
}


def polls(user: SampleUser) -> Iterator[tuple[ShownPlay, ...]]:
    """A hundred plays at a time, of which ten were shown before."""
    for first in range(0, len(user.polled), 90):
        yield user.polled[first : first + 100]


def arrive(warehouse: Warehouse, user_id: int, step: Step) -> None:
    if isinstance(step, Path):
        land_file(warehouse.session(), WaitingFile(step, user_id, Limits()))
    else:
        land_sample_polls(
            warehouse.conn, user_id, step, build_world(end=END, years=YEARS), api_url="http://127.0.0.1:1"
        )


@pytest.mark.few(2)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", ["ada", "bela", "chandra"])
def test_the_warehouse_has_exactly_the_real_plays(
    warehouse: Warehouse, sample: dict[str, SampleUser], name: str, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing, "NAMES_IN_PARTS_FROM", 1)  # as those of a large history
    user, arrange = sample[name], ORDERS[order]
    user_id = warehouse.user(name, user.timezone)
    for step in arrange.arrange(list(user.files), list(polls(user))):
        arrive(warehouse, user_id, step)
        if arrange.is_derived_between:
            warehouse.settle([user_id])
    warehouse.settle([user_id])
    plays, real = found(warehouse, user_id, user), truth(user)
    assert plays - real == Counter()
    assert real - plays == Counter()
    assert invariants.check(warehouse.conn) == []
    assert outcomes(warehouse, user_id, on_both=True) == outcomes(warehouse, user_id, on_both=False)


def outcomes(warehouse: Warehouse, user_id: int, *, on_both: bool) -> dict[int, Mapping[str, int]]:
    """What became of the rows of each import, counted on one connection or half of the months on each of two."""
    jobs = [job for (job,) in warehouse.conn.execute("SELECT id FROM import_jobs WHERE user_id = %s", [user_id])]
    months = sorted(existing_months(warehouse.conn, IMPORTED_PLAYS))
    helpers = [warehouse.status_conn] if on_both else []
    return outcomes_of_jobs(warehouse.conn, user_id, jobs, MIN_PLAY_MS, months, helpers)


def test_the_sample_has_every_kind_of_play(sample: dict[str, SampleUser]) -> None:
    plays = [play for user in sample.values() for play in user.plays]
    shown = [row for user in sample.values() for row in user.polled]
    kinds = Counter(type(play.thing) for play in plays)
    assert min(kinds[kind] for kind in (Song, Episode, Chapter, LocalFile, type(None))) >= 3
    assert sum(play.doubled_s > 0 for play in plays) >= 5
    assert sum(play.paused_ms > 0 for play in plays) >= 100
    assert sum(bool(play.offline) and not play.knows_start for play in plays) >= 20
    assert sum(row.track_id != row.play.track_id for row in shown) >= 1
    assert sum(row.play.started_ms - 1_000 < row.shown_ms < row.play.started_ms + 1_000 for row in shown) >= 50
    assert {play.reason_start for play in plays} >= {"unknown", "switched-to-video"}
