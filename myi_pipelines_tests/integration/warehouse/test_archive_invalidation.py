"""What changes later reaches the archive: the slices that it concerns are marked and come back, and no others do.

Every story tells something, lets months leave, tells more and is brought to rest. What the warehouse says then must be
what the reference says, which knows of no archive.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple, TypeAlias

import pytest

from myi_pipelines.operations import archiving
from myi_pipelines.sources.exports import Play, Track
from myi_pipelines.warehouse import archive, invariants, users
from myi_pipelines.warehouse.spotify_payloads import SpotifyObject, land_objects, land_search
from myi_pipelines.warehouse.user_months import Stage, UserMonth, invalidate
from myi_pipelines_tests.integration.warehouse.test_month_ends import STORIES
from myi_pipelines_tests.support import reference
from myi_pipelines_tests.support.archive_fixtures import ArchivingWarehouse, open_archiving_warehouse
from myi_pipelines_tests.support.reference import Landing, Polled, Reply
from myi_pipelines_tests.support.strategies import ACCOUNT, CONTEXT, OFFLINE, spotify_id
from myi_pipelines_tests.support.warehouse_harness import Warehouse, assert_ids_are_kept

JAN, FEB, MAR, APR, MAY, JUN, SEP = (date(2021, month, 1) for month in (1, 2, 3, 4, 5, 6, 9))

SONG = Track(spotify_id("a"), "Song", "Artist", "Album")
TWIN = Track(spotify_id("b"), "Song - Remastered", "Artist", "Album")
OTHER = Track(spotify_id("e"), "Études", "Björk", "Vol. 1")
NAMES = Track(None, "Tune", "Band", None)
TUNE = Track(spotify_id("c"), "Tune", "Band", "Album")
"""Goes by the names that account data tells."""
UNNAMED = Track(spotify_id("f"), None, None, None)
"""Is known by its id only, until Spotify says what it is called."""


class Search(NamedTuple):
    """What a search found for names of account data."""

    names: Track
    found: Track


Arrival: TypeAlias = Play | Polled | Reply | Search
Mark: TypeAlias = tuple[str, date, str]


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2021-{text}").replace(tzinfo=UTC)


def extended(track: Track, ended: str, ms: int = 6_000) -> Play:
    return Play(track, CONTEXT, at(ended), at(ended), ms)


def account(ended: str, names: Track = NAMES) -> Play:
    return Play(names, ACCOUNT, at(ended), at(ended), 7_000)


def polled(track: Track, moment: str, duration_ms: int | None = 200_000) -> Polled:
    assert track.spotify_id is not None
    return Polled(track.spotify_id, at(moment), duration_ms)


def reply(asked: Track, returned: Track) -> Reply:
    """Spotify was asked for one track and said another, or what it is called. The id that was asked for is kept."""
    assert asked.spotify_id is not None
    artist = {"id": spotify_id("p"), "name": returned.artist}
    told_id = returned.spotify_id or asked.spotify_id
    payload = {"id": told_id, "name": returned.name, "artists": [artist], "duration_ms": 200_000}
    return Reply("track", asked.spotify_id, payload)


SAME_TRACK = reply(TWIN, SONG)
"""SONG is merged into TWIN."""


class House:
    """Listeners of whom months leave, and all that was told so far."""

    def __init__(self, warehouse: ArchivingWarehouse) -> None:
        self.warehouse = warehouse
        self.conn = warehouse.conn
        self.ids: dict[str, int] = {}
        self.landed: dict[str, Landing] = {}
        self.replies: list[Reply] = []
        self.searches: dict[reference.NameKeys, str] = {}

    def tell(self, name: str, *arrivals: Arrival, timezone: str = "UTC") -> None:
        """Plays of a listener, and what Spotify says meanwhile."""
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

    def remember(self, name: str, plays: Sequence[Play], polls: Sequence[Polled] = ()) -> None:
        """What the reference is to know of a listener besides."""
        known = self.landed[name]
        self.landed[name] = known._replace(plays=[*known.plays, *plays], polled=[*known.polled, *polls])

    def _find(self, search: Search) -> None:
        names, said = (str(search.names.name), str(search.names.artist)), reply(search.found, search.found)
        [keys] = self.conn.execute("SELECT name_key(%s), name_key(%s)", names).fetchall()
        land_search(self.conn, keys, SpotifyObject("track", said.asked_id, said.payload), datetime.now(UTC))
        self.searches[reference.key(names[0]), reference.key(names[1])] = said.asked_id
        self.replies.append(said)

    def settle(self) -> None:
        self.warehouse.settle(self.ids.values())

    def archive(self, *months: date) -> None:
        """Let months leave; what was told before is at rest."""
        self.settle()
        left = self.warehouse.archive(only=months)
        assert [one.error for one in left if one.error] == []

    def empty_statistics(self, name: str) -> int:
        """Drop what tells which tracks a listener played; return their id."""
        user_id = self.ids[name]
        self.conn.execute("DELETE FROM user_track_months WHERE user_id = %s", [user_id])
        self.conn.execute("DELETE FROM user_track_stats WHERE user_id = %s", [user_id])
        return user_id

    def archived(self) -> set[tuple[str, date]]:
        rows = self.conn.execute("SELECT name, month FROM archived_user_months JOIN users ON users.id = user_id")
        return {(name, month) for name, month in rows}

    def marks(self) -> set[Mark]:
        """What a synchronization of the catalog leaves marked."""
        self.warehouse.sync()
        rows = self.conn.execute(
            "SELECT name, month, stage::text FROM invalidated_user_months JOIN users ON users.id = user_id"
        )
        return {(name, month, stage) for name, month, stage in rows}

    def events(self, name: str) -> dict[int, tuple[datetime, datetime]]:
        """When the events of a listener were played and created, by id."""
        found = self.warehouse.identities(self.ids[name])
        return {event_id: (played_at, created_at) for (_, played_at), (event_id, created_at) in found.items()}

    def assert_exact(self) -> None:
        """The statistics, with whatever lies in the archive, and then all tables are what the reference says."""
        expected = reference.derive(self.landed, metadata=reference.metadata_of(self.replies, self.searches))
        for name, user_id in self.ids.items():
            assert self.warehouse.tables(user_id)[1:] == expected[name][1:], name
        assert invariants.check(self.conn) == []
        self.warehouse.restore_archived()
        assert self.marks() == set(), "what lay in the archive was right as it lay"
        for name, user_id in self.ids.items():
            assert self.warehouse.tables(user_id) == expected[name], name


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    with open_archiving_warehouse(database_url, tmp_path / "archive") as warehouse:
        yield House(warehouse)


def both(name: str, month: date) -> set[Mark]:
    return {(name, month, str(stage)) for stage in Stage}


def events_only(name: str, *months: date) -> set[Mark]:
    return {(name, month, str(Stage.EVENTS)) for month in months}


# ── Where two months meet ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("away", [(FEB,), (MAR,)], ids=["before", "after"])
@pytest.mark.parametrize("story", STORIES)
def test_plays_that_arrive_near_the_end_of_an_archived_month_meet_what_is_in_it(
    house: House, story: str, away: tuple[date, ...]
) -> None:
    for arrival in STORIES[story]:
        house.tell("anna")
        house.settle()
        before = house.warehouse.identities(house.ids["anna"])
        house.archive(*away)
        house.tell("anna", *arrival)
        house.settle()
        house.assert_exact()
        landing = house.landed["anna"]
        upgrades = reference.conform(landing, reference.catalog_of(landing.plays)).upgrades
        assert_ids_are_kept(before, house.warehouse.identities(house.ids["anna"]), upgrades)


class Change(NamedTuple):
    """What Spotify tells after months have left that were told before."""

    before: Sequence[Arrival]
    told: Arrival


NAMED = [extended(SONG, "06-01T12:00:00", ms=0), extended(TUNE, "06-01T13:00:00", ms=0)]
"""Later than all account data, so that what the tracks are called is settled."""

CHANGES: dict[str, Change] = {
    "a poll turns out to be of the track that an export tells of in the next month": Change(
        [polled(TWIN, "02-28T23:59:58"), extended(SONG, "03-01T00:00:00")], SAME_TRACK
    ),
    "a poll turns out to be of the track that an export told of in the month before": Change(
        [extended(SONG, "02-28T23:59:59"), polled(TWIN, "03-01T00:00:01")], SAME_TRACK
    ),
    "account data that a poll told turns out to be of another poll, of the next month": Change(
        [*NAMED, account("02-28T23:59:00"), polled(TUNE, "02-28T23:58:58"), polled(SONG, "03-01T00:00:00.500")],
        Search(NAMES, SONG),
    ),
    "account data that a poll told turns out to be of another poll, of the month before": Change(
        [*NAMED, account("03-01T00:00:00"), polled(TUNE, "03-01T00:01:02"), polled(SONG, "02-28T23:59:59")],
        Search(NAMES, SONG),
    ),
    "a poll turns out to be called what account data told in the month before": Change(
        [account("02-28T23:59:00"), polled(UNNAMED, "03-01T00:00:02")], reply(UNNAMED, NAMES)
    ),
    "a poll turns out to be called what account data tells in the next month": Change(
        [polled(UNNAMED, "02-28T23:59:58"), account("03-01T00:00:00")], reply(UNNAMED, NAMES)
    ),
}


@pytest.mark.parametrize("away", [(FEB,), (MAR,), (FEB, MAR)], ids=["before", "after", "both"])
@pytest.mark.parametrize("change", CHANGES)
def test_what_is_told_of_tracks_reaches_both_sides_of_a_month_end(
    house: House, change: str, away: tuple[date, ...]
) -> None:
    house.tell("anna", *CHANGES[change].before)
    house.archive(*away)
    assert house.archived() == {("anna", month) for month in away}
    house.tell("anna", CHANGES[change].told)
    house.settle()
    house.assert_exact()


# ── Tracks that turn out to be one ───────────────────────────────────────────────────────────────────────────────────


def test_a_merge_marks_the_archived_months_of_those_who_played_the_track_and_no_others(house: House) -> None:
    house.tell("anna", extended(SONG, "02-10T12:00:00"), extended(OTHER, "01-10T12:00:00"))
    house.tell("anna", polled(OTHER, "03-10T12:00:00"), extended(TWIN, "06-10T12:00:00"))
    house.tell("anna", extended(OTHER, "09-10T12:00:00"))
    house.tell("bert", extended(OTHER, "02-10T12:00:00"), polled(OTHER, "03-10T12:00:00"))
    house.tell("carl", extended(SONG, "02-20T12:00:00"))
    house.archive(JAN, FEB, MAR, JUN, SEP)
    house.tell("anna", SAME_TRACK)

    assert house.marks() == both("anna", FEB) | events_only("anna", MAR) | both("carl", FEB)

    house.settle()
    assert house.archived() == {("anna", JUN), ("anna", SEP), ("bert", FEB), ("bert", MAR)}
    house.assert_exact()


@pytest.mark.parametrize("away", [(), (FEB,)], ids=["present", "archived"])
def test_plays_that_a_merge_makes_one_are_one_event_with_the_id_that_the_kept_track_had(
    house: House, away: tuple[date, ...]
) -> None:
    house.tell("anna", extended(SONG, "02-10T12:00:00", ms=9_000), extended(SONG, "02-11T12:00:00"))
    house.settle()
    house.tell("anna", extended(TWIN, "02-10T12:00:00"))
    house.settle()
    twin = (str(TWIN.spotify_id), at("02-10T12:00:00"))
    kept, before = house.warehouse.identities(house.ids["anna"])[twin], house.events("anna")
    house.archive(*away)
    house.tell("anna", SAME_TRACK)
    house.settle()
    house.assert_exact()
    after = house.events("anna")
    assert after.items() <= before.items()
    assert house.warehouse.identities(house.ids["anna"])[twin] == kept


def test_a_track_that_is_merged_twice_before_anybody_rests_is_one_in_archived_months(house: House) -> None:
    third = Track(spotify_id("g"), "Song (Live)", "Artist", None)
    house.tell("anna", extended(SONG, "02-10T12:00:00"), extended(TWIN, "06-10T12:00:00"))
    house.tell("anna", extended(third, "09-10T12:00:00"), polled(third, "02-10T12:00:02"))
    house.archive(FEB, JUN)
    house.tell("anna", SAME_TRACK)
    house.warehouse.sync()
    house.tell("anna", reply(third, TWIN))
    house.settle()
    house.assert_exact()


@pytest.mark.parametrize("others", [[], ["bert"]], ids=["the row is gone", "the row is there for somebody else"])
def test_what_was_merged_while_statistics_were_emptied_is_found_when_it_comes_back(
    house: House, others: list[str]
) -> None:
    """They may be dropped and rebuilt at any time; until then nothing tells who played the track."""
    house.tell("anna", extended(SONG, "02-10T12:00:00", ms=9_000), extended(TWIN, "02-10T12:00:00"))
    house.tell("anna", extended(SONG, "02-11T12:00:00"), extended(TWIN, "09-10T12:00:00"))
    for name in others:
        house.tell(name, extended(SONG, "09-10T12:00:00"))
    house.archive(FEB)
    anna = house.empty_statistics("anna")
    house.tell("anna", SAME_TRACK)
    assert ("anna", FEB) not in {(name, month) for name, month, _ in house.marks()}
    house.warehouse.refresh(anna, [FEB, SEP])
    house.settle()
    house.assert_exact()


@pytest.mark.parametrize("away", [(FEB,), (MAR,), (FEB, MAR)], ids=["before", "after", "both"])
def test_what_was_merged_while_statistics_were_emptied_meets_its_neighbours_when_it_comes_back(
    house: House, away: tuple[date, ...]
) -> None:
    house.tell("anna", polled(TWIN, "02-28T23:59:58"), extended(SONG, "03-01T00:00:00"))
    house.tell("bert", extended(SONG, "09-10T12:00:00"))
    house.archive(*away)
    anna = house.empty_statistics("anna")
    house.tell("anna", SAME_TRACK)
    house.warehouse.sync()
    house.warehouse.refresh(anna, [FEB, MAR])
    house.settle()
    house.assert_exact()


# ── Account data of tracks that turn out to be one ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("away", [(), (JAN,), (FEB,), (MAR,), (JAN, MAR), (JAN, FEB, MAR)])
@pytest.mark.parametrize("heard", ["02-10T12:00:00", "01-31T20:00:00"])
def test_account_data_meets_an_offline_play_of_months_before_once_their_tracks_are_one(
    house: House, away: tuple[date, ...], heard: str
) -> None:
    offline = Play(SONG, OFFLINE, at("03-01T12:00:10"), at(heard), 6_000)
    house.tell("anna", account("03-01T12:00:00"), offline, extended(TWIN, "09-01T12:00:00"), Search(NAMES, TWIN))
    house.archive(*away)
    house.tell("anna", SAME_TRACK)
    house.settle()
    house.assert_exact()


@pytest.mark.parametrize("away", [(), (FEB,)], ids=["present", "archived"])
def test_account_data_without_an_event_meets_an_extended_row_once_their_tracks_are_one(
    house: House, away: tuple[date, ...]
) -> None:
    """Until then a poll of the same names told it."""
    house.tell("anna", *NAMED, account("02-10T12:00:00"), polled(TUNE, "02-10T12:00:30"))
    house.tell("anna", extended(TWIN, "02-10T12:00:10"), Search(NAMES, SONG))
    house.archive(*away)
    house.tell("anna", SAME_TRACK)
    house.settle()
    house.assert_exact()


# ── Names that a search tells the track of ───────────────────────────────────────────────────────────────────────────

HEARD_TWICE: list[Arrival] = [account("02-10T12:00:00"), polled(TUNE, "02-10T12:00:30")]
"""The poll tells the play, so that the names have no event of their own."""


def test_a_search_marks_the_archived_months_with_these_names_and_no_others(house: House) -> None:
    elsewhere = Track(None, "Elsewhere", "Nobody", None)
    house.tell("anna", *NAMED, *HEARD_TWICE, extended(SONG, "02-10T12:00:10"))
    house.tell("anna", extended(OTHER, "01-10T12:00:00"), account("03-10T12:00:00", elsewhere))
    house.tell("anna", account("06-10T12:00:00", elsewhere), polled(TUNE, "06-20T12:00:00"))
    house.tell("bert", account("02-10T12:00:00", elsewhere), polled(TUNE, "02-10T12:00:30"))
    house.archive(JAN, FEB, MAR, JUN)
    house.tell("anna", Search(NAMES, SONG))

    noted = "SELECT DISTINCT track_name FROM archived_names JOIN export_tracks ON export_tracks.id = export_track_id"
    assert set(house.conn.execute(noted)) == {("Tune",), ("Elsewhere",)}, "nothing but account data goes by its names"
    assert house.marks() == events_only("anna", FEB, MAR)

    house.settle()
    assert house.archived() == {("anna", JUN), ("bert", FEB)}
    house.assert_exact()


def test_names_that_take_the_id_of_a_track_nobody_played_leave_the_archive_alone(house: House) -> None:
    house.tell("anna", account("02-10T12:00:00"), polled(SONG, "03-01T12:00:00"))
    house.archive(FEB, MAR)
    house.tell("anna", Search(NAMES, OTHER))
    house.settle()
    assert house.archived() == {("anna", FEB), ("anna", MAR)}
    house.assert_exact()


def test_two_names_of_one_archived_play_that_mean_one_track_are_one_event(house: House) -> None:
    spelled = Track(None, "Tune (Edit)", "Band", None)
    house.tell("anna", account("02-10T12:00:00"), account("02-10T12:00:00", spelled))
    house.archive(FEB)
    house.tell("anna", Search(NAMES, SONG), Search(spelled, SONG))
    house.settle()
    house.assert_exact()


# ── Tracks that take other names ─────────────────────────────────────────────────────────────────────────────────────


def test_a_rename_marks_the_archived_months_in_which_the_track_may_meet_account_data_and_no_others(
    house: House,
) -> None:
    house.tell("anna", account("02-10T12:00:00"), polled(UNNAMED, "02-10T12:00:30"), polled(OTHER, "03-10T12:00:00"))
    house.tell("anna", extended(OTHER, "01-10T12:00:00"), polled(UNNAMED, "06-10T12:00:00"))
    house.tell("anna", account("09-10T12:00:00"))
    house.tell("bert", polled(UNNAMED, "02-10T12:00:30"))
    house.tell("carl", account("02-10T12:00:00"), polled(OTHER, "02-10T12:00:30"))
    house.archive(JAN, FEB, MAR, JUN, SEP)
    house.tell("anna", reply(UNNAMED, NAMES))

    assert house.marks() == events_only("anna", FEB, MAR)

    house.settle()
    assert house.archived() == {("anna", JUN), ("anna", SEP), ("bert", FEB), ("carl", FEB)}
    house.assert_exact()


@pytest.mark.parametrize("away", [(), (FEB,)], ids=["present", "archived"])
def test_names_in_the_export_of_somebody_else_part_and_join_archived_plays(
    house: House, away: tuple[date, ...]
) -> None:
    remastered = TUNE._replace(name="Tune - Remastered")
    anew = NAMES._replace(name="Tune - Remastered")
    house.tell("anna", *NAMED, *HEARD_TWICE, account("02-20T12:00:00", anew), polled(TUNE, "02-20T12:00:30"))
    house.archive(*away)
    house.tell("bert", extended(remastered, "06-10T12:00:00"))
    house.settle()
    house.assert_exact()


def test_a_rename_without_account_data_leaves_the_archive_alone(house: House) -> None:
    house.tell("anna", polled(UNNAMED, "02-10T12:00:00"), extended(SONG, "03-01T12:00:00"))
    house.archive(FEB, MAR)
    house.tell("anna", reply(UNNAMED, NAMES))
    house.settle()
    assert house.archived() == {("anna", FEB), ("anna", MAR)}
    house.assert_exact()


# ── Marks that are there already ─────────────────────────────────────────────────────────────────────────────────────

RENEWING: dict[str, Change] = {
    "merge": Change([extended(SONG, "02-10T12:00:00"), extended(TWIN, "02-11T12:00:00")], SAME_TRACK),
    "search": Change([*NAMED, *HEARD_TWICE], Search(NAMES, SONG)),
    "rename": Change([account("02-10T12:00:00"), polled(UNNAMED, "02-10T12:00:30")], reply(UNNAMED, NAMES)),
}


@pytest.mark.parametrize("change", RENEWING)
def test_a_mark_that_is_there_already_is_renewed_for_whoever_takes_it_for_done(house: House, change: str) -> None:
    house.tell("anna", *RENEWING[change].before)
    house.archive(FEB)
    invalidate(house.conn, [UserMonth(house.ids["anna"], FEB)], Stage.EVENTS)
    version = "SELECT xmin::text FROM invalidated_user_months WHERE stage = 'EVENTS'"
    seen = house.conn.execute(version).fetchall()
    house.tell("anna", RENEWING[change].told)
    house.warehouse.sync()
    assert house.conn.execute(version).fetchall() != seen


# ── What work on a slice needs ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "matchable", [polled(SONG, "05-10T12:00:00"), account("05-10T12:00:00")], ids=["poll", "account data"]
)
def test_work_needs_its_own_slice_and_two_months_around_it_where_they_share_a_bucket_or_a_match(
    house: House, matchable: Play | Polled
) -> None:
    plain = [extended(SONG, f"0{month}-10T12:00:00") for month in (1, 2, 3, 4, 6)]
    house.tell("anna", *plain, matchable)
    house.tell("bert", *plain, polled(SONG, "02-10T12:00:00"))
    house.archive(JAN, FEB, MAR, APR, MAY, JUN)

    def needed(*work: date, with_neighbours: bool) -> list[date]:
        slices = [UserMonth(house.ids["anna"], month) for month in work]
        found = archive.archived_around(house.conn, slices, with_neighbours=with_neighbours)
        assert {user_id for user_id, _ in found} <= {house.ids["anna"]}
        return [month for _, month in found]

    assert needed(FEB, with_neighbours=False) == [FEB]
    assert needed(FEB, with_neighbours=True) == [JAN, FEB, MAR, APR]
    assert needed(FEB, JAN, with_neighbours=True) == [JAN, FEB, MAR, APR]
    assert needed(MAR, with_neighbours=False) == [JAN, FEB, MAR, APR, MAY]
    assert needed(SEP, with_neighbours=True) == []
    assert needed(with_neighbours=True) == []


class Bucket(NamedTuple):
    """Two plays that lie in one, the first of them in a month that is archived when the other arrives."""

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


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_late_play_is_counted_in_one_bucket_with_archived_plays_of_the_months_around_it(
    house: House, bucket: str
) -> None:
    timezone, month, archived, late = BUCKETS[bucket]
    house.tell("anna", archived, extended(OTHER, "09-10T12:00:00"), timezone=timezone)
    house.tell("bert", archived, timezone=timezone)
    house.archive(month, SEP)
    house.tell("anna", late)
    house.settle()
    assert house.archived() == {("anna", SEP), ("bert", month)}
    house.assert_exact()


def test_months_between_two_late_ones_are_counted_with_what_is_archived_of_them(house: House) -> None:
    plain = [extended(SONG, f"0{month}-15T12:00:00") for month in (1, 2, 3, 4, 5, 6, 9)]
    house.tell("anna", *plain)
    house.archive(JAN, FEB, MAR, APR, MAY, JUN, SEP)
    house.tell("anna", extended(OTHER, "01-20T12:00:00"), extended(OTHER, "05-20T12:00:00"))
    house.settle()
    assert house.archived() == {("anna", SEP)}
    house.assert_exact()


def test_a_new_time_zone_brings_back_one_listener_and_nobody_else(house: House) -> None:
    for name in ("anna", "bert"):
        house.tell(name, extended(SONG, "01-31T23:30:00"), extended(SONG, "02-28T23:30:00"))
    house.archive(JAN, FEB)
    users.set_timezone(house.conn, "anna", "Asia/Kathmandu")
    house.landed["anna"] = house.landed["anna"]._replace(timezone="Asia/Kathmandu")
    house.settle()
    assert house.archived() == {("bert", JAN), ("bert", FEB)}
    house.assert_exact()


# ── Plays of a month that is archived ────────────────────────────────────────────────────────────────────────────────


def test_slices_come_back_from_whichever_part_they_are_in_and_no_others_do(house: House) -> None:
    plays = extended(SONG, "02-10T12:00:00"), extended(SONG, "06-10T12:00:00")
    house.tell("anna", *plays)
    house.archive(FEB)
    house.tell("bert", *plays)
    house.archive(FEB, JUN)
    parts = {(part.month, part.part): part.user_count for part in archive.archived_parts(house.conn)}
    assert parts == {(FEB, 1): 1, (FEB, 2): 1, (JUN, 1): 2}

    anna, bert = house.ids["anna"], house.ids["bert"]
    came = archiving.restore_archived(house.warehouse.store, house.conn, [UserMonth(anna, JUN), UserMonth(bert, FEB)])

    assert came == 2
    assert house.archived() == {("anna", FEB), ("bert", JUN)}
    house.assert_exact()


@pytest.mark.parametrize(
    "play", [extended(OTHER, "02-20T12:00:00"), polled(OTHER, "02-20T12:00:00")], ids=["export", "poll"]
)
def test_a_late_play_of_an_archived_month_brings_back_its_listener_and_nobody_else(
    house: House, play: Play | Polled
) -> None:
    for name in ("anna", "bert"):
        house.tell(name, extended(SONG, "02-10T12:00:00"), extended(SONG, "09-10T12:00:00"))
    house.archive(FEB, SEP)
    house.tell("anna", play)
    house.settle()
    assert house.archived() == {("anna", SEP), ("bert", FEB), ("bert", SEP)}
    house.assert_exact()


@pytest.mark.parametrize(("first", "again"), [(None, 180_000), (180_000, None)], ids=["learned", "known"])
def test_a_poll_that_is_seen_again_after_its_month_left_has_the_length_that_was_told_once(
    house: House, first: int | None, again: int | None
) -> None:
    house.tell("anna", polled(SONG, "02-10T12:00:00", first))
    polled_at = "SELECT polled_at FROM polled_plays"
    seen = house.conn.execute(polled_at).fetchall()
    house.archive(FEB)
    house.tell("anna", polled(SONG, "02-10T12:00:00", again))
    house.settle()
    house.assert_exact()
    assert house.conn.execute(polled_at).fetchall() == seen


def test_an_upload_that_landed_without_the_archive_at_hand_is_counted_once_when_it_is(house: House) -> None:
    told = extended(SONG, "02-10T12:00:00")
    again, new = told._replace(context=CONTEXT._replace(platform="android")), extended(OTHER, "02-11T12:00:00")
    house.tell("anna", told, extended(SONG, "03-10T12:00:00"))
    house.archive(FEB, MAR)
    house.remember("anna", [again, new])
    Warehouse(house.conn, house.warehouse.status_conn).land(house.ids["anna"], [again, new])
    house.settle()
    house.assert_exact()
    platforms = house.conn.execute(
        "SELECT played_at, platform FROM imported_plays JOIN play_contexts ON play_contexts.id = context_id"
        " WHERE played_at < %s ORDER BY played_at",
        [MAR],
    )
    assert platforms.fetchall() == [(told.played_at, "ios"), (new.played_at, "ios")]
