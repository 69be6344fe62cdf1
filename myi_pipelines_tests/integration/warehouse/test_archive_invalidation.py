"""Later changes reach the archive: the user-months that they affect are invalidated and restored, and no others.

In each test plays arrive, months are archived, more arrives, and the warehouse settles. Then its tables must equal the
reference, which knows no archive.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple, TypeAlias
from uuid import UUID

import pytest

from myi_pipelines.operations import archiving
from myi_pipelines.sources.exports import Play, Track, submitted_play
from myi_pipelines.warehouse import archive, invariants, musicbrainz, users
from myi_pipelines.warehouse.spotify_payloads import SpotifyObject, land_objects, land_search
from myi_pipelines.warehouse.user_months import Stage, UserMonth, invalidate
from myi_pipelines_tests.integration.warehouse.test_month_ends import STORIES
from myi_pipelines_tests.support import reference
from myi_pipelines_tests.support.archive_fixtures import ArchivingWarehouse, open_archiving_warehouse
from myi_pipelines_tests.support.reference import Landing, Polled, Recording, Reply
from myi_pipelines_tests.support.strategies import ACCOUNT, CONTEXT, OFFLINE, spotify_id
from myi_pipelines_tests.support.warehouse_harness import Warehouse, assert_ids_are_kept

pytestmark = pytest.mark.slow

JAN, FEB, MAR, APR, MAY, JUN, SEP = (date(2021, month, 1) for month in (1, 2, 3, 4, 5, 6, 9))

SONG = Track(spotify_id("a"), "Song", "Artist", "Album")
TWIN = Track(spotify_id("b"), "Song - Remastered", "Artist", "Album")
OTHER = Track(spotify_id("e"), "Études", "Björk", "Vol. 1")
NAMES = Track(None, "Tune", "Band", None)
TUNE = Track(spotify_id("c"), "Tune", "Band", "Album")
"""Has the names that account data gives."""
UNNAMED = Track(spotify_id("f"), None, None, None)
"""Is known by its id only, until a payload gives its name."""


class Search(NamedTuple):
    """What a search found for names of account data."""

    names: Track
    found: Track


class Recorded(NamedTuple):
    """The recordings of an artist whom MusicBrainz was asked for by name."""

    artist: str
    recordings: Sequence[Recording]


Arrival: TypeAlias = Play | Polled | Reply | Search | Recorded
Invalidation: TypeAlias = tuple[str, date, str]


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2021-{text}").replace(tzinfo=UTC)


def extended(track: Track, ended: str, ms: int = 6_000) -> Play:
    return Play(track, CONTEXT, at(ended), at(ended), ms)


def account(ended: str, names: Track = NAMES, ms: int | None = 7_000) -> Play:
    return Play(names, ACCOUNT, at(ended), at(ended), ms)


def polled(track: Track, moment: str, duration_ms: int | None = 200_000) -> Polled:
    assert track.spotify_id is not None
    return Polled(track.spotify_id, at(moment), duration_ms)


def reply(asked: Track, returned: Track) -> Reply:
    """Spotify was asked for one track and returned another, or its names. The id that was asked for is kept."""
    assert asked.spotify_id is not None
    artist = {"id": spotify_id("p"), "name": returned.artist}
    returned_id = returned.spotify_id or asked.spotify_id
    payload = {"id": returned_id, "name": returned.name, "artists": [artist], "duration_ms": 200_000}
    return Reply("track", asked.spotify_id, payload)


SAME_TRACK = reply(TWIN, SONG)
"""SONG is merged into TWIN."""


class Household:
    """Users whose months are archived, and everything that has arrived so far."""

    def __init__(self, warehouse: ArchivingWarehouse) -> None:
        self.warehouse = warehouse
        self.conn = warehouse.conn
        self.ids: dict[str, int] = {}
        self.landed: dict[str, Landing] = {}
        self.replies: list[Reply] = []
        self.searches: dict[reference.NameKeys, str] = {}
        self.recordings: dict[str, Sequence[Recording]] = {}

    def receive(self, name: str, *arrivals: Arrival, timezone: str = "UTC") -> None:
        """Land plays of a user, and payloads of Spotify in the order given."""
        if name not in self.ids:
            self.ids[name] = self.warehouse.user(name, timezone)
            self.landed[name] = Landing(timezone, [], [])
        plays = [one for one in arrivals if isinstance(one, Play)]
        polls = [one for one in arrivals if isinstance(one, Polled)]
        if plays:
            self.warehouse.land(self.ids[name], plays)
        self.warehouse.poll(self.ids[name], polls)
        self.remember(name, plays, polls)
        for one in arrivals:
            if isinstance(one, Reply):
                land_objects(self.conn, [SpotifyObject("track", one.asked_id, one.payload)])
                self.replies.append(one)
            elif isinstance(one, Search):
                self._find(one)
            elif isinstance(one, Recorded):
                self._record(one)

    def remember(self, name: str, plays: Sequence[Play], polls: Sequence[Polled] = ()) -> None:
        """Add plays to what the reference knows about a user."""
        known = self.landed[name]
        self.landed[name] = known._replace(plays=[*known.plays, *plays], polled=[*known.polled, *polls])

    def _find(self, search: Search) -> None:
        names, payload = (str(search.names.name), str(search.names.artist)), reply(search.found, search.found)
        [keys] = self.conn.execute("SELECT name_key(%s), name_key(%s)", names).fetchall()
        land_search(self.conn, keys, SpotifyObject("track", payload.asked_id, payload.payload), datetime.now(UTC))
        self.searches[reference.key(names[0]), reference.key(names[1])] = payload.asked_id
        self.replies.append(payload)

    def _record(self, one: Recorded) -> None:
        mbid, now = UUID(int=1), datetime.now(UTC)
        [(searched,)] = self.conn.execute("SELECT name_key(%s)::text", [one.artist]).fetchall()
        musicbrainz.land_search(self.conn, searched, mbid, now)
        told = [recording._asdict() for recording in one.recordings]
        musicbrainz.land_artist(self.conn, mbid, {"genres": [], "recordings": told}, now)
        self.recordings[reference.key(one.artist)] = one.recordings

    def settle(self) -> None:
        self.warehouse.settle(self.ids.values())

    def archive(self, *months: date) -> None:
        """Settle, and then archive months."""
        self.settle()
        archived = self.warehouse.archive(only=months)
        assert [one.error for one in archived if one.error] == []

    def empty_statistics(self, name: str) -> int:
        """Delete the tables that say which tracks a user played; return the user's id."""
        user_id = self.ids[name]
        self.conn.execute("DELETE FROM user_track_months WHERE user_id = %s", [user_id])
        self.conn.execute("DELETE FROM user_track_stats WHERE user_id = %s", [user_id])
        self.conn.execute("DELETE FROM user_song_sums WHERE user_id = %s", [user_id])
        self.conn.execute("DELETE FROM user_album_stats WHERE user_id = %s", [user_id])
        return user_id

    def archived(self) -> set[tuple[str, date]]:
        rows = self.conn.execute("SELECT name, month FROM archived_user_months JOIN users ON users.id = user_id")
        return {(name, month) for name, month in rows}

    def invalidated(self) -> set[Invalidation]:
        """What is invalidated after a synchronization of the catalog, of months that have plays."""
        self.warehouse.sync()
        rows = self.conn.execute(
            "SELECT name, month, stage::text FROM invalidated_user_months JOIN users ON users.id = user_id"
            " WHERE has_imported_plays(user_id, month) OR has_matchable_plays(user_id, month)"
        )
        return {(name, month, stage) for name, month, stage in rows}

    def events(self, name: str) -> dict[int, tuple[datetime, datetime]]:
        """When the events of a user were played and created, by id."""
        found = self.warehouse.identities(self.ids[name])
        return {event_id: (played_at, created_at) for (_, played_at), (event_id, created_at) in found.items()}

    @property
    def metadata(self) -> reference.Metadata:
        return reference.metadata_of(self.replies, self.searches, self.recordings)

    def assert_exact(self) -> None:
        """First the statistics, while months are archived, and then all tables equal the reference."""
        expected = reference.derive(self.landed, metadata=self.metadata)
        for name, user_id in self.ids.items():
            assert self.warehouse.tables(user_id)[1:] == expected[name][1:], name
        assert invariants.check(self.conn) == []
        self.warehouse.restore_archived()
        assert self.invalidated() == set(), "the archived months needed no change"
        for name, user_id in self.ids.items():
            assert self.warehouse.tables(user_id) == expected[name], name


@pytest.fixture
def household(database_url: str, tmp_path: Path) -> Iterator[Household]:
    with open_archiving_warehouse(database_url, tmp_path / "archive") as warehouse:
        yield Household(warehouse)


def both(name: str, month: date) -> set[Invalidation]:
    return {(name, month, str(stage)) for stage in Stage}


def events_only(name: str, *months: date) -> set[Invalidation]:
    return {(name, month, str(Stage.EVENTS)) for month in months}


# ── Where two months meet ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.few(3)
@pytest.mark.parametrize("archived_months", [(FEB,), (MAR,)], ids=["before", "after"])
@pytest.mark.parametrize("story", STORIES)
def test_plays_that_arrive_near_the_end_of_an_archived_month_meet_what_is_in_it(
    household: Household, story: str, archived_months: tuple[date, ...]
) -> None:
    for arrival in STORIES[story]:
        household.receive("anna")
        household.settle()
        before = household.warehouse.identities(household.ids["anna"])
        household.archive(*archived_months)
        household.receive("anna", *arrival)
        household.settle()
        household.assert_exact()
        landing = household.landed["anna"]
        upgrades = reference.conform(landing, reference.catalog_of(landing.plays)).upgrades
        assert_ids_are_kept(before, household.warehouse.identities(household.ids["anna"]), upgrades)


@pytest.mark.parametrize(
    ("ended", "again", "elapsed_s"), [("23:59:58", "00:00:02", None), ("23:50:00", "00:09:00", 60)]
)
def test_a_stream_that_ended_in_an_archived_month_is_not_counted_again_in_the_next(
    household: Household, ended: str, again: str, elapsed_s: int | None
) -> None:
    """Its two rows end less than half its length apart, or began in the same second."""
    first, second = extended(SONG, f"02-28T{ended}", 30_000), extended(SONG, f"03-01T{again}", 30_000)
    if elapsed_s is not None:
        later = (second.played_at - first.played_at).seconds
        first, second = first._replace(elapsed_s=elapsed_s), second._replace(elapsed_s=elapsed_s + later)
    household.receive("anna", first)
    household.settle()
    household.archive(FEB)
    household.receive("anna", second)
    household.settle()
    household.assert_exact()


class Change(NamedTuple):
    """What arrives before months are archived, and what Spotify says afterwards."""

    before: Sequence[Arrival]
    later: Arrival


NAMED = [extended(SONG, "06-01T12:00:00", ms=0), extended(TUNE, "06-01T13:00:00", ms=0)]
"""Later than all account data, so that what the tracks are called is settled."""

CHANGES: dict[str, Change] = {
    "a poll is of the track that an export has in the next month": Change(
        [polled(TWIN, "02-28T23:59:58"), extended(SONG, "03-01T00:00:00")], SAME_TRACK
    ),
    "a poll is of the track that an export has in the month before": Change(
        [extended(SONG, "02-28T23:59:59"), polled(TWIN, "03-01T00:00:01")], SAME_TRACK
    ),
    "account data that matched a poll belongs to another poll, of the next month": Change(
        [*NAMED, account("02-28T23:59:00"), polled(TUNE, "02-28T23:58:58"), polled(SONG, "03-01T00:00:00.500")],
        Search(NAMES, SONG),
    ),
    "account data that matched a poll belongs to another poll, of the month before": Change(
        [*NAMED, account("03-01T00:00:00"), polled(TUNE, "03-01T00:01:02"), polled(SONG, "02-28T23:59:59")],
        Search(NAMES, SONG),
    ),
    "a poll has the names that account data has in the month before": Change(
        [account("02-28T23:59:00"), polled(UNNAMED, "03-01T00:00:02")], reply(UNNAMED, NAMES)
    ),
    "a poll has the names that account data has in the next month": Change(
        [polled(UNNAMED, "02-28T23:59:58"), account("03-01T00:00:00")], reply(UNNAMED, NAMES)
    ),
}


@pytest.mark.few(2)
@pytest.mark.parametrize("archived_months", [(FEB,), (MAR,), (FEB, MAR)], ids=["before", "after", "both"])
@pytest.mark.parametrize("change", CHANGES)
def test_payloads_of_tracks_reach_both_sides_of_a_month_end(
    household: Household, change: str, archived_months: tuple[date, ...]
) -> None:
    household.receive("anna", *CHANGES[change].before)
    household.archive(*archived_months)
    assert household.archived() == {("anna", month) for month in archived_months}
    household.receive("anna", CHANGES[change].later)
    household.settle()
    household.assert_exact()


# ── Tracks that prove to be the same ─────────────────────────────────────────────────────────────────────────────────


def test_a_merge_invalidates_the_archived_months_of_users_who_played_the_track_and_no_others(
    household: Household,
) -> None:
    household.receive("anna", extended(SONG, "02-10T12:00:00"), extended(OTHER, "01-10T12:00:00"))
    household.receive("anna", polled(OTHER, "03-10T12:00:00"), extended(TWIN, "06-10T12:00:00"))
    household.receive("anna", extended(OTHER, "09-10T12:00:00"))
    household.receive("bert", extended(OTHER, "02-10T12:00:00"), polled(OTHER, "03-10T12:00:00"))
    household.receive("carl", extended(SONG, "02-20T12:00:00"))
    household.archive(JAN, FEB, MAR, JUN, SEP)
    household.receive("anna", SAME_TRACK)

    assert household.invalidated() == both("anna", FEB) | events_only("anna", MAR) | both("carl", FEB)

    household.settle()
    assert household.archived() == {("anna", JUN), ("anna", SEP), ("bert", FEB), ("bert", MAR)}
    household.assert_exact()


@pytest.mark.few(1)
@pytest.mark.parametrize("archived_months", [(), (FEB,)], ids=["present", "archived"])
def test_plays_that_a_merge_makes_one_are_one_event_with_the_id_that_the_kept_track_had(
    household: Household, archived_months: tuple[date, ...]
) -> None:
    household.receive("anna", extended(SONG, "02-10T12:00:00", ms=9_000), extended(SONG, "02-11T12:00:00"))
    household.settle()
    household.receive("anna", extended(TWIN, "02-10T12:00:00"))
    household.settle()
    twin = (str(TWIN.spotify_id), at("02-10T12:00:00"))
    kept, before = household.warehouse.identities(household.ids["anna"])[twin], household.events("anna")
    household.archive(*archived_months)
    household.receive("anna", SAME_TRACK)
    household.settle()
    household.assert_exact()
    after = household.events("anna")
    assert after.items() <= before.items()
    assert household.warehouse.identities(household.ids["anna"])[twin] == kept


def test_a_track_that_is_merged_twice_before_the_warehouse_settles_is_one_in_archived_months(
    household: Household,
) -> None:
    third = Track(spotify_id("g"), "Song (Live)", "Artist", None)
    household.receive("anna", extended(SONG, "02-10T12:00:00"), extended(TWIN, "06-10T12:00:00"))
    household.receive("anna", extended(third, "09-10T12:00:00"), polled(third, "02-10T12:00:02"))
    household.archive(FEB, JUN)
    household.receive("anna", SAME_TRACK)
    household.warehouse.sync()
    household.receive("anna", reply(third, TWIN))
    household.settle()
    household.assert_exact()


@pytest.mark.few(1)
@pytest.mark.parametrize("others", [[], ["bert"]], ids=["the row is gone", "the row is there for another user"])
def test_a_merge_while_statistics_are_empty_is_found_when_the_month_is_restored(
    household: Household, others: list[str]
) -> None:
    """Statistics may be dropped and rebuilt at any time. Until then no table says which users played the track."""
    household.receive("anna", extended(SONG, "02-10T12:00:00", ms=9_000), extended(TWIN, "02-10T12:00:00"))
    household.receive("anna", extended(SONG, "02-11T12:00:00"), extended(TWIN, "09-10T12:00:00"))
    for name in others:
        household.receive(name, extended(SONG, "09-10T12:00:00"))
    household.archive(FEB)
    anna = household.empty_statistics("anna")
    household.receive("anna", SAME_TRACK)
    assert ("anna", FEB) not in {(name, month) for name, month, _ in household.invalidated()}
    household.warehouse.refresh(anna, [FEB, SEP])
    household.settle()
    household.assert_exact()


@pytest.mark.few(1)
@pytest.mark.parametrize("archived_months", [(FEB,), (MAR,), (FEB, MAR)], ids=["before", "after", "both"])
def test_a_merge_while_statistics_are_empty_reaches_the_neighbours_when_the_month_is_restored(
    household: Household, archived_months: tuple[date, ...]
) -> None:
    household.receive("anna", polled(TWIN, "02-28T23:59:58"), extended(SONG, "03-01T00:00:00"))
    household.receive("bert", extended(SONG, "09-10T12:00:00"))
    household.archive(*archived_months)
    anna = household.empty_statistics("anna")
    household.receive("anna", SAME_TRACK)
    household.warehouse.sync()
    household.warehouse.refresh(anna, [FEB, MAR])
    household.settle()
    household.assert_exact()


# ── Account data of tracks that prove to be the same ─────────────────────────────────────────────────────────────────


@pytest.mark.few(2)
@pytest.mark.parametrize("archived_months", [(), (JAN,), (FEB,), (MAR,), (JAN, MAR), (JAN, FEB, MAR)])
@pytest.mark.parametrize("heard", ["02-10T12:00:00", "01-31T20:00:00"])
def test_account_data_meets_an_offline_play_of_months_before_once_their_tracks_are_one(
    household: Household, archived_months: tuple[date, ...], heard: str
) -> None:
    offline = Play(SONG, OFFLINE, at("03-01T12:00:10"), at(heard), 6_000)
    household.receive("anna", account("03-01T12:00:00"), offline, extended(TWIN, "09-01T12:00:00"), Search(NAMES, TWIN))
    household.archive(*archived_months)
    household.receive("anna", SAME_TRACK)
    household.settle()
    household.assert_exact()


@pytest.mark.few(1)
@pytest.mark.parametrize("archived_months", [(), (FEB,)], ids=["present", "archived"])
def test_account_data_without_an_event_meets_an_extended_row_once_their_tracks_are_one(
    household: Household, archived_months: tuple[date, ...]
) -> None:
    """Before, it matched a poll of the same names."""
    household.receive("anna", *NAMED, account("02-10T12:00:00"), polled(TUNE, "02-10T12:00:30"))
    household.receive("anna", extended(TWIN, "02-10T12:00:10"), Search(NAMES, SONG))
    household.archive(*archived_months)
    household.receive("anna", SAME_TRACK)
    household.settle()
    household.assert_exact()


# ── Names whose track a search finds ─────────────────────────────────────────────────────────────────────────────────

HEARD_TWICE: list[Arrival] = [account("02-10T12:00:00"), polled(TUNE, "02-10T12:00:30")]
"""Both are one play, so the names have no event of their own."""


def test_a_search_invalidates_the_archived_months_with_these_names_or_the_song(household: Household) -> None:
    elsewhere = Track(None, "Elsewhere", "Nobody", None)
    household.receive("anna", *NAMED, *HEARD_TWICE, extended(SONG, "02-10T12:00:10"))
    household.receive("anna", extended(OTHER, "01-10T12:00:00"), account("03-10T12:00:00", elsewhere))
    household.receive("anna", account("06-10T12:00:00", elsewhere), polled(TUNE, "06-20T12:00:00"))
    household.receive("bert", account("02-10T12:00:00", elsewhere), polled(TUNE, "02-10T12:00:30"))
    household.archive(JAN, FEB, MAR, JUN)
    household.receive("anna", Search(NAMES, SONG))

    recorded = "SELECT DISTINCT track_name FROM archived_names JOIN export_tracks ON export_tracks.id = export_track_id"
    assert set(household.conn.execute(recorded)) == {("Tune",), ("Elsewhere",)}, "names of account data only"
    assert household.invalidated() == events_only("anna", FEB, MAR, JUN) | events_only("bert", FEB)  # by song, too

    household.settle()
    household.assert_exact()


def test_names_that_get_the_id_of_a_track_without_plays_do_not_change_the_archive(household: Household) -> None:
    household.receive("anna", account("02-10T12:00:00"), polled(SONG, "03-01T12:00:00"))
    household.archive(FEB, MAR)
    household.receive("anna", Search(NAMES, OTHER))
    household.settle()
    assert household.archived() == {("anna", FEB), ("anna", MAR)}
    household.assert_exact()


def test_two_names_of_one_archived_play_that_mean_one_track_are_one_event(household: Household) -> None:
    spelled = Track(None, "Tune (Edit)", "Band", None)
    household.receive("anna", account("02-10T12:00:00"), account("02-10T12:00:00", spelled))
    household.archive(FEB)
    household.receive("anna", Search(NAMES, SONG), Search(spelled, SONG))
    household.settle()
    household.assert_exact()


# ── Tracks whose names change ────────────────────────────────────────────────────────────────────────────────────────


def test_a_rename_invalidates_the_archived_months_where_the_song_may_match_account_data(
    household: Household,
) -> None:
    household.receive(
        "anna", account("02-10T12:00:00"), polled(UNNAMED, "02-10T12:00:30"), polled(OTHER, "03-10T12:00:00")
    )
    household.receive("anna", extended(OTHER, "01-10T12:00:00"), polled(UNNAMED, "06-10T12:00:00"))
    household.receive("anna", account("09-10T12:00:00"))
    household.receive("bert", polled(UNNAMED, "02-10T12:00:30"))
    household.receive("carl", account("02-10T12:00:00"), polled(OTHER, "02-10T12:00:30"))
    household.archive(JAN, FEB, MAR, JUN, SEP)
    household.receive("anna", reply(UNNAMED, NAMES))

    assert household.invalidated() == events_only("anna", FEB, MAR, SEP) | events_only("carl", FEB)  # by song, too

    household.settle()
    assert household.archived() == {("bert", FEB)}, "June is near August, in which a play of September may have ended"
    household.assert_exact()


@pytest.mark.few(1)
@pytest.mark.parametrize("archived_months", [(), (FEB,)], ids=["present", "archived"])
def test_names_in_the_export_of_another_user_part_and_join_archived_plays(
    household: Household, archived_months: tuple[date, ...]
) -> None:
    remastered = TUNE._replace(name="Tune - Remastered")
    same_names = NAMES._replace(name="Tune - Remastered")
    household.receive(
        "anna", *NAMED, *HEARD_TWICE, account("02-20T12:00:00", same_names), polled(TUNE, "02-20T12:00:30")
    )
    household.archive(*archived_months)
    household.receive("bert", extended(remastered, "06-10T12:00:00"))
    household.settle()
    household.assert_exact()


def test_a_rename_without_account_data_does_not_change_the_archive(household: Household) -> None:
    household.receive("anna", polled(UNNAMED, "02-10T12:00:00"), extended(SONG, "03-01T12:00:00"))
    household.archive(FEB, MAR)
    household.receive("anna", reply(UNNAMED, NAMES))
    household.settle()
    assert household.archived() == {("anna", FEB), ("anna", MAR)}
    household.assert_exact()


# ── Tracks whose length becomes known ────────────────────────────────────────────────────────────────────────────────

LENGTHS: dict[str, tuple[Play, Arrival]] = {
    "Spotify's, of a submitted play": (submitted_play(SONG, at("02-10T12:00:00"), None), reply(SONG, SONG)),
    "MusicBrainz', of old account data": (
        account("02-10T12:00:00", ms=None),
        Recorded("Band", [Recording("Tune", "2011 remaster", 240_000)]),
    ),
    "MusicBrainz', of a submitted play": (
        submitted_play(SONG, at("02-10T12:00:00"), None),
        Recorded("Artist", [Recording("Song", None, 240_000)]),
    ),
}


@pytest.mark.few(2)
@pytest.mark.parametrize("said", LENGTHS)
def test_a_length_reaches_the_archived_months_with_plays_that_tell_none_and_no_others(
    household: Household, said: str
) -> None:
    lengthless, told = LENGTHS[said]
    household.receive("anna", lengthless, extended(SONG, "06-01T12:00:00"), account("06-10T12:00:00"))
    household.receive("bert", extended(SONG, "02-10T12:00:00"), account("02-11T12:00:00"))
    household.archive(FEB, JUN)
    household.receive("anna", told)
    assert household.invalidated() == events_only("anna", FEB)
    household.settle()
    assert household.archived() == {("anna", JUN), ("bert", FEB)}
    household.assert_exact()


def test_spotifys_length_takes_the_place_of_musicbrainz_in_archived_months(household: Household) -> None:
    household.receive("anna", submitted_play(SONG, at("02-10T12:00:00"), None))
    household.receive("anna", Recorded("Artist", [Recording("Song", None, 240_000)]))
    household.archive(FEB)
    household.receive("anna", reply(SONG, SONG))
    household.settle()
    household.assert_exact()
    household.archive(FEB)
    household.receive("anna", Recorded("Artist", [Recording("Song", None, 250_000)]))
    assert household.invalidated() == set(), "what Spotify told stays"
    household.assert_exact()


# ── Invalidations that exist already ─────────────────────────────────────────────────────────────────────────────────

RENEWING: dict[str, Change] = {
    "merge": Change([extended(SONG, "02-10T12:00:00"), extended(TWIN, "02-11T12:00:00")], SAME_TRACK),
    "search": Change([*NAMED, *HEARD_TWICE], Search(NAMES, SONG)),
    "rename": Change([account("02-10T12:00:00"), polled(UNNAMED, "02-10T12:00:30")], reply(UNNAMED, NAMES)),
}


@pytest.mark.few(1)
@pytest.mark.parametrize("change", RENEWING)
def test_an_invalidation_that_exists_is_renewed_for_a_session_that_is_about_to_clear_it(
    household: Household, change: str
) -> None:
    household.receive("anna", *RENEWING[change].before)
    household.archive(FEB)
    invalidate(household.conn, [UserMonth(household.ids["anna"], FEB)], Stage.EVENTS)
    version = "SELECT xmin::text FROM invalidated_user_months WHERE stage = 'EVENTS'"
    seen = household.conn.execute(version).fetchall()
    household.receive("anna", RENEWING[change].later)
    household.warehouse.sync()
    assert household.conn.execute(version).fetchall() != seen


# ── What work on a user-month needs ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.few(1)
@pytest.mark.parametrize(
    "matchable", [polled(SONG, "05-10T12:00:00"), account("05-10T12:00:00")], ids=["poll", "account data"]
)
def test_work_needs_its_own_user_month_and_two_months_around_it_where_they_share_a_bucket_or_a_match(
    household: Household, matchable: Play | Polled
) -> None:
    plain = [extended(SONG, f"0{month}-10T12:00:00") for month in (1, 2, 3, 4, 6)]
    household.receive("anna", *plain, matchable)
    household.receive("bert", *plain, polled(SONG, "02-10T12:00:00"))
    household.archive(JAN, FEB, MAR, APR, MAY, JUN)

    def needed(*work: date, with_neighbours: bool) -> list[date]:
        user_months = [UserMonth(household.ids["anna"], month) for month in work]
        found = archive.archived_around(household.conn, user_months, with_neighbours=with_neighbours)
        assert {user_id for user_id, _ in found} <= {household.ids["anna"]}
        return [month for _, month in found]

    assert needed(FEB, with_neighbours=False) == [FEB]
    assert needed(FEB, with_neighbours=True) == [JAN, FEB, MAR, APR]
    assert needed(FEB, JAN, with_neighbours=True) == [JAN, FEB, MAR, APR]
    assert needed(MAR, with_neighbours=False) == [JAN, FEB, MAR, APR, MAY]
    assert needed(SEP, with_neighbours=True) == []
    assert needed(with_neighbours=True) == []


class Bucket(NamedTuple):
    """Two plays of one bucket. The first lies in a month that is archived when the second arrives."""

    timezone: str
    month: date
    archived: Play
    late: Play | Polled


BUCKETS: dict[str, Bucket] = {
    "an ISO week": Bucket("UTC", MAR, extended(SONG, "03-30T12:00:00"), polled(SONG, "04-02T12:00:00")),
    "a day of the clock west of Greenwich": Bucket(
        "America/New_York", MAR, extended(SONG, "03-31T20:00:00"), extended(SONG, "04-01T02:00:00")
    ),
    "a day of the clock east of Greenwich": Bucket(
        "Asia/Kathmandu", APR, extended(SONG, "04-01T10:00:00"), polled(SONG, "03-31T19:00:00")
    ),
    "a local month that began two months before": Bucket(
        "Pacific/Kiritimati", JAN, extended(SONG, "01-31T12:00:00"), extended(OTHER, "03-20T12:00:00")
    ),
    "a local month that ends two months later": Bucket(
        "Pacific/Pago_Pago", MAY, extended(SONG, "05-01T05:00:00"), extended(OTHER, "03-20T12:00:00")
    ),
}


@pytest.mark.few(2)
@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_late_play_is_counted_in_one_bucket_with_archived_plays_of_the_months_around_it(
    household: Household, bucket: str
) -> None:
    timezone, month, archived, late = BUCKETS[bucket]
    household.receive("anna", archived, extended(OTHER, "09-10T12:00:00"), timezone=timezone)
    household.receive("bert", archived, timezone=timezone)
    household.archive(month, SEP)
    household.receive("anna", late)
    household.settle()
    assert household.archived() == {("anna", SEP), ("bert", month)}
    household.assert_exact()


def test_months_between_two_late_ones_are_counted_with_what_is_archived_of_them(household: Household) -> None:
    plain = [extended(SONG, f"0{month}-15T12:00:00") for month in (1, 2, 3, 4, 5, 6, 9)]
    household.receive("anna", *plain)
    household.archive(JAN, FEB, MAR, APR, MAY, JUN, SEP)
    household.receive("anna", extended(OTHER, "01-20T12:00:00"), extended(OTHER, "05-20T12:00:00"))
    household.settle()
    assert household.archived() == {("anna", SEP)}
    household.assert_exact()


def test_a_new_time_zone_restores_the_months_of_one_user_and_of_no_other(household: Household) -> None:
    for name in ("anna", "bert"):
        household.receive(name, extended(SONG, "01-31T23:30:00"), extended(SONG, "02-28T23:30:00"))
    household.archive(JAN, FEB)
    users.set_timezone(household.conn, "anna", "Asia/Kathmandu")
    household.landed["anna"] = household.landed["anna"]._replace(timezone="Asia/Kathmandu")
    household.settle()
    assert household.archived() == {("bert", JAN), ("bert", FEB)}
    household.assert_exact()


# ── Plays of a month that is archived ────────────────────────────────────────────────────────────────────────────────


def test_user_months_are_restored_from_the_parts_that_hold_them_and_no_others_are(household: Household) -> None:
    plays = extended(SONG, "02-10T12:00:00"), extended(SONG, "06-10T12:00:00")
    household.receive("anna", *plays)
    household.archive(FEB)
    household.receive("bert", *plays)
    household.archive(FEB, JUN)
    parts = {(part.month, part.part): part.user_count for part in archive.archived_parts(household.conn)}
    assert parts == {(FEB, 1): 1, (FEB, 2): 1, (JUN, 1): 2}

    anna, bert = household.ids["anna"], household.ids["bert"]
    restored = archiving.restore_archived(
        household.warehouse.store, household.conn, [UserMonth(anna, JUN), UserMonth(bert, FEB)]
    )

    assert restored == 2
    assert household.archived() == {("anna", FEB), ("bert", JUN)}
    household.assert_exact()


@pytest.mark.few(1)
@pytest.mark.parametrize(
    "play", [extended(OTHER, "02-20T12:00:00"), polled(OTHER, "02-20T12:00:00")], ids=["export", "poll"]
)
def test_a_late_play_of_an_archived_month_restores_the_month_of_its_user_and_of_no_other(
    household: Household, play: Play | Polled
) -> None:
    for name in ("anna", "bert"):
        household.receive(name, extended(SONG, "02-10T12:00:00"), extended(SONG, "09-10T12:00:00"))
    household.archive(FEB, SEP)
    household.receive("anna", play)
    household.settle()
    assert household.archived() == {("anna", SEP), ("bert", FEB), ("bert", SEP)}
    household.assert_exact()


@pytest.mark.few(1)
@pytest.mark.parametrize(("first", "again"), [(None, 180_000), (180_000, None)], ids=["learned", "known"])
def test_a_poll_that_is_seen_again_after_its_month_was_archived_has_the_length_that_was_known(
    household: Household, first: int | None, again: int | None
) -> None:
    household.receive("anna", polled(SONG, "02-10T12:00:00", first))
    polled_at = "SELECT polled_at FROM polled_plays"
    seen = household.conn.execute(polled_at).fetchall()
    household.archive(FEB)
    household.receive("anna", polled(SONG, "02-10T12:00:00", again))
    household.settle()
    household.assert_exact()
    assert household.conn.execute(polled_at).fetchall() == seen


def test_an_upload_that_landed_while_the_archive_was_unavailable_is_counted_once_when_it_is_available(
    household: Household,
) -> None:
    first = extended(SONG, "02-10T12:00:00")
    again, new = first._replace(context=CONTEXT._replace(platform="android")), extended(OTHER, "02-11T12:00:00")
    household.receive("anna", first, extended(SONG, "03-10T12:00:00"))
    household.archive(FEB, MAR)
    household.remember("anna", [again, new])
    Warehouse(household.conn, household.warehouse.status_conn).land(household.ids["anna"], [again, new])
    household.settle()
    household.assert_exact()
    platforms = household.conn.execute(
        "SELECT played_at, platform FROM imported_plays JOIN play_contexts ON play_contexts.id = context_id"
        " WHERE played_at < %s ORDER BY played_at",
        [MAR],
    )
    assert platforms.fetchall() == [(first.played_at, "ios"), (new.played_at, "ios")]
