"""Whatever a listener corrects, before, between or after arrivals: the warehouse says what the reference says.

Examples are the same on every run; MYI_HYPOTHESIS_EXAMPLES searches among new ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myi_pipelines.sources.exports import Track
from myi_pipelines.warehouse import corrections, stats, users
from myi_pipelines.warehouse.archive import with_archived_restored
from myi_pipelines.warehouse.catalog import sync_catalog
from myi_pipelines.warehouse.correction_targets import Span, find_plays
from myi_pipelines.warehouse.corrections import Kind
from myi_pipelines.warehouse.user_merge import merge_users
from myi_pipelines_tests.properties import test_metadata_properties
from myi_pipelines_tests.properties.test_listening_properties import (
    Conform,
    Home,
    Land,
    Poll,
    Refresh,
    SetTimezone,
    Step,
    bounded,
    programs,
    take,
)
from myi_pipelines_tests.properties.test_metadata_properties import stories
from myi_pipelines_tests.support.reference import Correction, Landing
from myi_pipelines_tests.support.strategies import (
    ACCOUNT_TRACKS,
    INSTANTS,
    POLLED_IDS,
    Listener,
    households,
    narrow_scenes,
    renamed_artist,
    renamed_id,
)
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse

Household: TypeAlias = tuple[Listener, ...]


@pytest.fixture
def warehouse(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warehouse]:
    monkeypatch.setattr(stats, "USERS_AT_LEAST", 1)
    monkeypatch.setattr(stats, "MONTHS_AT_MOST", 1_000)
    with open_warehouse(database_url) as opened:
        yield opened


class Hide(NamedTuple):
    """One of the things that a listener of any example may hide; its names get the example's tag."""

    listener: int
    correction: Correction


class CorrectSongs(NamedTuple):
    """Say that tracks are one song, or that one is a song of its own; for everybody."""

    listener: int
    correction: Correction


class HidePlay(NamedTuple):
    """Hide one of the events that there are now."""

    listener: int
    dice: int


class TakeBack(NamedTuple):
    listener: int
    dice: int


class Undo(NamedTuple):
    """Undo one of the imports that there are now."""

    listener: int
    dice: int


class LandAgain(NamedTuple):
    """Import one of the files again that were imported before."""

    listener: int
    dice: int


class SetIncognito(NamedTuple):
    """Whether plays of private sessions are left out."""

    listener: int
    hide: bool


Made: TypeAlias = Hide | CorrectSongs | HidePlay | TakeBack | Undo | LandAgain | SetIncognito


def named(track: Track) -> dict[str, str]:
    names = {"track": track.name, "artist": track.artist}
    return {name: value for name, value in names.items() if value is not None}


HIDDEN_TRACKS = [
    *(Correction("HIDE_TRACK", {"spotify_id": spotify_id}) for spotify_id in POLLED_IDS),
    *(Correction("HIDE_TRACK", named(track)) for track in ACCOUNT_TRACKS),
]
HIDDEN_SONGS = [
    *(Correction("HIDE_SONG", {"spotify_id": spotify_id}) for spotify_id in POLLED_IDS),
    *(Correction("HIDE_SONG", named(track)) for track in ACCOUNT_TRACKS),
]
NAMED_TRACKS = [one.what for one in HIDDEN_TRACKS]
OTHER_SONGS = st.one_of(
    st.builds(Correction, st.just("SPLIT_SONG"), st.sampled_from(NAMED_TRACKS)),
    st.lists(st.sampled_from(NAMED_TRACKS), min_size=2, max_size=3, unique_by=repr).map(
        lambda tracks: Correction("JOIN_SONGS", {"tracks": tracks})
    ),
)
HIDDEN_SHOWS = [Correction("HIDE_SHOW", {"shows": [name]}) for name in ("SHOW", "Book")]
HIDDEN_ARTISTS = [
    Correction("HIDE_ARTIST", {"artist": artist}) for artist in ("Artist", "BJÖRK", "Various Artists", "Nobody Else")
]
HIDDEN_ALBUMS = [
    Correction("HIDE_ALBUM", {"album": album, "artist": artist})
    for album, artist in (("ALBUM", "artist"), ("Best Of", "Various Artists"), ("Vol. 1", "Björk"))
]


@st.composite
def hidden_periods(draw: st.DrawFn) -> Correction:
    begins = draw(st.sampled_from(INSTANTS)) + timedelta(seconds=draw(st.integers(-90, 90)))
    ends = begins + draw(st.sampled_from((timedelta(seconds=1), timedelta(hours=3), timedelta(days=40))))
    what = {"from": begins.isoformat(), "until": ends.isoformat()}
    return Correction("HIDE_PERIOD", draw(st.sampled_from((what, {"from": what["from"]}, {"until": what["until"]}))))


def tagged(correction: Correction, tag: str) -> Correction:
    """The same of tracks and artists that only this example has."""
    return Correction(correction.kind, tagged_names(correction.what, tag))


def tagged_names(named: Mapping[str, Any], tag: str) -> dict[str, Any]:
    what = dict(named)
    if "tracks" in what:
        what["tracks"] = sorted((tagged_names(track, tag) for track in what["tracks"]), key=repr)
    if "spotify_id" in what:
        what["spotify_id"] = renamed_id(what["spotify_id"], tag)
    if "track" in what:
        what["track"] = f"{tag} {what['track']}"
    if "artist" in what:
        what["artist"] = renamed_artist(what["artist"], tag)
    if "shows" in what:
        what["shows"] = [name if name == "Book" else f"{tag} {name}" for name in what["shows"]]
    return what


def jobs_of(home: Home, index: int) -> list[int]:
    return [job_id for job_id, (listener, _) in home.jobs.items() if listener == index]


def without_undone(home: Home, index: int) -> None:
    """What has landed of a listener, as if undone imports had told nothing."""
    undone = {one.what["job_id"] for one in home.corrections[index] if one.kind == "UNDO_IMPORT"}
    told = {job_id: plays for job_id, (listener, plays) in home.jobs.items() if listener == index}
    home.arrived[index] = home.arrived[index]._replace(
        plays=[play for job_id, plays in told.items() for play in plays if job_id not in undone],
        undone=[play for job_id, plays in told.items() for play in plays if job_id in undone],
    )


def counts_again(home: Home, index: int, job_id: int) -> None:
    """The file of an import was imported again: the import is not undone any more."""
    home.corrections[index][:] = [one for one in home.corrections[index] if one.what.get("job_id") != job_id]
    without_undone(home, index)


def correct(home: Home | test_metadata_properties.Home, step: Made) -> None:
    conn, user_id, made = home.warehouse.conn, home.ids[step.listener], home.corrections[step.listener]
    match step:
        case Hide(_, correction):
            correction = tagged(correction, home.tag)
            if corrections.correct(conn, user_id, Kind(correction.kind), correction.what).is_new:
                made.append(correction)
        case CorrectSongs(_, correction):
            correction = tagged(correction, home.tag)
            if corrections.correct(conn, user_id, Kind(correction.kind), correction.what).is_new:
                made.append(correction)
            sync_catalog(conn)
        case HidePlay(_, dice):
            every = Span(datetime(2000, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
            if plays := find_plays(conn, user_id, every):
                what = plays[dice % len(plays)].what
                if corrections.correct(conn, user_id, Kind.HIDE_PLAY, what).is_new:
                    made.append(Correction("HIDE_PLAY", what))
        case TakeBack(_, dice):
            if made:
                listed = corrections.list_corrections(conn, user_id)
                assert [(one.kind, one.what) for one in listed] == made
                taken = [listed[dice % len(made)].id]
                with_archived_restored(home.warehouse.session(), partial(corrections.take_back, conn, taken))
                sync_catalog(conn)
                del made[dice % len(made)]
        case Undo(_, dice):
            if isinstance(home, Home) and (jobs := jobs_of(home, step.listener)):
                job_id = jobs[dice % len(jobs)]
                undo = partial(corrections.undo_import, conn, job_id)
                if with_archived_restored(home.warehouse.session(), undo).is_new:
                    made.append(Correction("UNDO_IMPORT", {"job_id": job_id}))
        case SetIncognito(index, hide):
            users.set_hide_incognito(conn, home.names[index], hide=hide)
            home.arrived[index] = home.arrived[index]._replace(hides_incognito=hide)
        case LandAgain(_, dice):
            if isinstance(home, Home) and (jobs := jobs_of(home, step.listener)):
                job_id = jobs[dice % len(jobs)]
                landed = home.warehouse.land(user_id, home.jobs[job_id][1])
                assert (landed.job_id, landed.known) == (job_id, True)
                counts_again(home, step.listener, job_id)
    if isinstance(home, Home):
        without_undone(home, step.listener)


@st.composite
def corrected_programs(draw: st.DrawFn, household: Household) -> list[Step | Made]:
    """All that the household has arrives, with corrections and upkeep in between."""
    who, dice = st.integers(0, len(household) - 1), st.integers(0, 99)
    by_name = [*HIDDEN_TRACKS, *HIDDEN_SONGS, *HIDDEN_ARTISTS, *HIDDEN_ALBUMS, *HIDDEN_SHOWS]
    hidden = st.sampled_from(by_name) | hidden_periods()
    made = st.one_of(
        st.builds(Hide, who, hidden),
        st.builds(CorrectSongs, who, OTHER_SONGS),
        st.builds(HidePlay, who, dice),
        st.builds(TakeBack, who, dice),
        st.builds(Undo, who, dice),
        st.builds(Undo, who, dice),
        st.builds(LandAgain, who, dice),
        st.builds(SetIncognito, who, st.booleans()),
    )
    steps: list[Step | Made] = []
    for step in draw(programs(household)):
        steps += [step, *draw(st.lists(made, max_size=1))]
    return [*steps, *draw(st.lists(made, max_size=3))]


OF_SPOTIFY = [
    *(Correction("HIDE_ARTIST", {"spotify_id": artist["id"]}) for artist in test_metadata_properties.ARTISTS),
    *(Correction("HIDE_ALBUM", {"spotify_id": album}) for album in test_metadata_properties.ALBUM_NAMES),
]


@st.composite
def corrected_stories(draw: st.DrawFn, household: Household) -> list[test_metadata_properties.Step | Made]:
    """Uploads, polls and replies in any order, with corrections in between."""
    who, dice = st.integers(0, len(household) - 1), st.integers(0, 99)
    hidden = st.sampled_from([*HIDDEN_TRACKS, *HIDDEN_SONGS, *HIDDEN_ARTISTS, *HIDDEN_ALBUMS, *OF_SPOTIFY, *OF_SPOTIFY])
    made = st.one_of(
        st.builds(Hide, who, hidden),
        st.builds(CorrectSongs, who, OTHER_SONGS),
        st.builds(HidePlay, who, dice),
        st.builds(TakeBack, who, dice),
    )
    steps: list[test_metadata_properties.Step | Made] = [draw(st.builds(Hide, who, hidden))]
    for step in draw(stories(household)):
        steps += [step, *draw(st.lists(made, max_size=1))]
    return steps


@pytest.mark.long
@bounded(3)
@given(
    drawn=(households() | households(narrow_scenes())).flatmap(
        lambda household: st.tuples(st.just(household), corrected_stories(household))
    )
)
def test_what_metadata_makes_of_a_hidden_artist_or_album_is_hidden(
    warehouse: Warehouse,
    drawn: tuple[Household, list[test_metadata_properties.Step | Made]],
) -> None:
    household, steps = drawn
    home = test_metadata_properties.Home(warehouse, household)
    for step in steps:
        if isinstance(step, Made):
            correct(home, step)
        else:
            home.take(step)
    home.settle()
    home.assert_as_the_reference_says()


def with_program(household: Household) -> st.SearchStrategy[tuple[Household, list[Step | Made]]]:
    return st.tuples(st.just(household), corrected_programs(household))


@pytest.mark.long
@bounded(3)
@given(drawn=(households() | households(narrow_scenes())).flatmap(with_program))
def test_hidden_plays_do_not_count_whenever_they_are_hidden_and_shown_again(
    warehouse: Warehouse, drawn: tuple[Household, list[Step | Made]]
) -> None:
    household, steps = drawn
    home = Home(warehouse, household)
    for step in steps:
        if isinstance(step, Made):
            correct(home, step)
        else:
            take(home, step)
            if isinstance(step, Land):  # the same plays in another file are the same import
                counts_again(home, step.listener, home.latest_job)
        home.check_invariants()
    home.settle()
    home.assert_as_the_reference_says()
    for index in range(len(household)):
        correct(home, SetIncognito(index, hide=False))
        while home.corrections[index]:
            correct(home, TakeBack(index, 0))
    home.settle()
    home.assert_as_the_reference_says()
    for table in ("hidden_track_months", "undone_plays"):
        query = f"SELECT count(*) FROM {table} WHERE user_id = ANY (%s)"
        assert warehouse.conn.execute(query.encode(), [home.ids]).fetchone() == (0,)


def take_for_one(home: Home, step: Step) -> None:
    """A step after the second user has become part of the first: whatever it does, it does for the one."""
    [user_id], [landing] = home.ids, home.arrived
    match step:
        case Land(listener, file):
            plays = home.listeners[listener].files[file]
            home.warehouse.land(user_id, plays)
            home.arrived = [landing._replace(plays=[*landing.plays, *plays])]
        case Poll(listener, first, last):
            rows = home.listeners[listener].polled[first:last]
            home.warehouse.poll(user_id, rows)
            home.arrived = [landing._replace(polled=[*landing.polled, *rows])]
        case Conform() | Refresh() | SetTimezone():
            take(home, step._replace(listener=0))
        case _:
            take(home, step)


def pairs(household: Household) -> st.SearchStrategy[tuple[Household, list[Step], int]]:
    two = (*household, *household)[:2]
    return st.tuples(st.just(two), programs(two), st.integers(0, 12))


@bounded(4)
@given(drawn=(households() | households(narrow_scenes())).flatmap(pairs))
def test_two_merged_users_are_one_who_had_all_plays(
    warehouse: Warehouse, drawn: tuple[Household, list[Step], int]
) -> None:
    household, steps, merged_after = drawn
    home = Home(warehouse, household)
    for step in steps[:merged_after]:
        take(home, step)
    merged = merge_users(warehouse.conn, home.names[1], home.names[0])
    one, other = home.arrived
    home.arrived = [Landing(one.timezone, [*one.plays, *other.plays], [*one.polled, *other.polled])]
    home.ids, home.names, home.corrections = [merged.user.id], [merged.user.name], [[]]
    for step in steps[merged_after:]:
        take_for_one(home, step)
    home.settle()
    home.assert_as_the_reference_says()
