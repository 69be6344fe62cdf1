"""Two users become one: what either had is the one's, nothing counts twice, and no order or interruption matters."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from myi_pipelines.operations import merge_users as operation
from myi_pipelines.operations.forget import ImportUnderWay, Places
from myi_pipelines.sources.exports import Context, Play, Track
from myi_pipelines.warehouse import invariants, personal_data, user_merge, users
from myi_pipelines.warehouse.corrections import Kind, correct
from myi_pipelines.warehouse.database.connections import Connection, connect, fetch_scalar
from myi_pipelines.warehouse.database.locks import Lock, exclusive, holding
from myi_pipelines.warehouse.import_jobs import JobInProgress, list_jobs
from myi_pipelines.warehouse.user_merge import MergeRefused, merge_users
from myi_pipelines.warehouse.user_months import Stage
from myi_pipelines_tests.support import killable_import
from myi_pipelines_tests.support.archive_fixtures import ArchivingWarehouse, open_archiving_warehouse
from myi_pipelines_tests.support.reference import Tables
from myi_pipelines_tests.support.strategies import CONTEXT

pytestmark = pytest.mark.slow

DERIVED = frozenset(
    {"user_track_months", "user_hour_months", "user_track_stats", "user_artist_stats", "user_album_stats"}
    | {"user_song_sums", "user_month_edges", "user_year_top_tracks", "user_time_bucket_stats", "user_hour_stats"}
    | {"user_context_stats", "user_weekday_hour_stats", "user_month_contexts", "episode_events", "hidden_track_months"}
    | {"invalidated_user_months", "user_versions"}
)
"""Tables of users that are derived, or say what is to be derived: they follow."""


class Runs(NamedTuple):
    """Runs as Dagster would tell them."""

    busy: tuple[str, ...] = ()

    def unfinished(self, user: str) -> list[str]:
        return ["run-1"] if user in self.busy else []

    def naming(self, user: str) -> list[str]:
        return []

    def remove_naming(self, user: str) -> None:
        pass


@pytest.fixture
def warehouse(database_url: str, tmp_path: Path) -> Iterator[ArchivingWarehouse]:
    """Anna's and Bob's histories: Bob's files are parts of the same history, and other ones."""
    with open_archiving_warehouse(database_url, tmp_path / "archive") as opened:
        yield opened


@pytest.fixture
def places(warehouse: ArchivingWarehouse, tmp_path: Path) -> Places:
    return Places(warehouse.conn, warehouse.store, tmp_path / "uploads", Runs())


ANNA, BOB = killable_import.listener("same"), killable_import.listener("same")


def fill(warehouse: ArchivingWarehouse) -> tuple[int, int]:
    """Anna has the earlier file and half of the polls; Bob the later one and the other half, some of it the same."""
    anna, bob = warehouse.user("anna", "Pacific/Apia"), warehouse.user("bob", "UTC")
    for user_id, file, polled in ((anna, 0, ANNA.polled[:50]), (bob, 1, BOB.polled[40:])):
        warehouse.land(user_id, ANNA.files[file], batch_rows=100)
        warehouse.poll(user_id, polled)
    warehouse.settle([anna, bob])
    return anna, bob


def assert_has_all(warehouse: ArchivingWarehouse, user_id: int) -> None:
    """The user has what another one has who had everything from the beginning."""
    other = warehouse.user("carl", "Pacific/Apia")
    for file in ANNA.files:
        warehouse.land(other, file, batch_rows=100)
    warehouse.poll(other, ANNA.polled)
    warehouse.settle([other, user_id])
    found, expected = warehouse.tables(user_id), warehouse.tables(other)
    for table in Tables._fields:
        assert getattr(found, table) == getattr(expected, table), table
    assert invariants.check(warehouse.conn, [user_id]) == []


def link(conn: Connection, user_id: int, spotify_id: str) -> None:
    conn.execute("UPDATE users SET spotify_id = %s WHERE id = %s", [spotify_id, user_id])
    conn.execute(
        "INSERT INTO spotify_auth (user_id, refresh_token_encrypted, authorized_at) VALUES (%s, 'sealed', now())",
        [user_id],
    )


def test_every_table_of_users_moves_follows_or_has_a_rule(warehouse: ArchivingWarehouse) -> None:
    tables = {table.name for table in personal_data.personal_tables(warehouse.conn)}
    assert tables == user_merge.MOVED | user_merge.OF_ONE | DERIVED


def test_the_merged_history_is_that_of_all_plays_and_events_keep_their_ids(
    warehouse: ArchivingWarehouse, places: Places
) -> None:
    anna, bob = fill(warehouse)
    of_bob = "UPDATE polled_plays SET context_type = 'playlist', context_uri = 'spotify:playlist:1' WHERE user_id = %s"
    rows_of_bob = warehouse.conn.execute(of_bob, [bob]).rowcount
    before = warehouse.identities(anna)
    merged = operation.merge(warehouse.session(), places, "Bob", "ANNA")
    assert merged.user == users.User(anna, "anna")
    assert merged.derived.user_months > 0
    assert_has_all(warehouse, anna)
    kept = "SELECT count(*) FROM polled_plays WHERE context_uri = 'spotify:playlist:1'"
    assert fetch_scalar(warehouse.conn, kept) == rows_of_bob
    after = warehouse.identities(anna)
    assert {event: before[event] for event in before if event in after} == {
        event: after[event] for event in before if event in after
    }
    assert set(personal_data.count_rows(warehouse.conn, bob).values()) == {0}
    assert {job.user for job in list_jobs(warehouse.conn)} - {"carl"} == {"anna"}
    assert users.former_names(warehouse.conn, anna) == ["bob"]
    assert not warehouse.stale(anna, Stage.EVENTS)


def test_a_merge_that_dies_before_anything_is_derived_is_finished_by_the_next_derivation(
    warehouse: ArchivingWarehouse,
) -> None:
    anna, _ = fill(warehouse)
    merge_users(warehouse.conn, "bob", "anna")
    warehouse.settle([anna])
    assert_has_all(warehouse, anna)


def test_a_merge_that_fails_half_way_changes_nothing(warehouse: ArchivingWarehouse) -> None:
    anna, bob = fill(warehouse)
    before = warehouse.everything()
    warehouse.conn.execute(
        "CREATE FUNCTION break_off() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''broken off''; END'"
    )
    warehouse.conn.execute("CREATE TRIGGER b BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION break_off()")
    with pytest.raises(psycopg.errors.RaiseException, match="broken off"):
        merge_users(warehouse.conn, "bob", "anna")
    assert warehouse.everything() == before
    warehouse.conn.execute("DROP TRIGGER b ON users")
    merge_users(warehouse.conn, "bob", "anna")
    warehouse.settle([anna])
    assert_has_all(warehouse, anna)
    assert bob not in {one.id for one in users.list_users(warehouse.conn)}


def test_of_the_two_rows_the_one_with_the_linked_account_stays_with_name_and_settings_of_the_other(
    warehouse: ArchivingWarehouse,
) -> None:
    _, bob = fill(warehouse)
    link(warehouse.conn, bob, "bobs-account")
    warehouse.conn.execute("UPDATE users SET last_active_at = now() WHERE name = 'anna'")
    merged = merge_users(warehouse.conn, "bob", "anna")
    assert merged.user == users.User(bob, "anna")
    [summary] = users.list_users(warehouse.conn)
    assert (summary.id, summary.name, summary.timezone) == (bob, "anna", "Pacific/Apia")
    assert warehouse.conn.execute("SELECT spotify_id, last_active_at IS NULL FROM users").fetchall() == [
        ("bobs-account", False)
    ]
    assert warehouse.conn.execute("SELECT user_id FROM spotify_auth").fetchall() == [(bob,)]
    assert_has_all(warehouse, bob)


def test_two_linked_accounts_are_refused_with_what_to_do(warehouse: ArchivingWarehouse) -> None:
    for name in ("anna", "bob"):
        link(warehouse.conn, warehouse.user(name, "UTC"), f"{name}s-account")
    with pytest.raises(MergeRefused, match="`myi logout NAME`"):
        merge_users(warehouse.conn, "bob", "anna")
    with pytest.raises(MergeRefused, match="are one user"):
        merge_users(warehouse.conn, "Anna", "anna ")
    with pytest.raises(users.UnknownUser):
        merge_users(warehouse.conn, "carl", "anna")
    assert len(users.list_users(warehouse.conn)) == 2


@pytest.mark.few(1)
@pytest.mark.parametrize("archived", ["bob", "anna", "both"])
def test_archived_plays_are_restored_where_the_merge_needs_them(
    warehouse: ArchivingWarehouse, places: Places, archived: str
) -> None:
    anna, bob = fill(warehouse)
    months = warehouse.months_of([anna, bob])
    assert any(one.rows for one in warehouse.archive(only=months[: len(months) // 2]))
    kept_in_archive = {"bob": anna, "anna": bob}.get(archived)
    if kept_in_archive is not None:
        warehouse.restore_archived([kept_in_archive])
    operation.merge(warehouse.session(), places, "bob", "anna")
    warehouse.restore_archived()
    warehouse.settle([anna])
    assert_has_all(warehouse, anna)


def test_a_file_that_both_imported_is_one_job(warehouse: ArchivingWarehouse) -> None:
    anna, bob = warehouse.user("anna", "Pacific/Apia"), warehouse.user("bob", "UTC")
    for user_id in (anna, bob):
        warehouse.land(user_id, ANNA.files[0])
    warehouse.land(bob, ANNA.files[1])
    merge_users(warehouse.conn, "bob", "anna")
    assert len(list_jobs(warehouse.conn)) == 2
    jobs = {job.id for job in list_jobs(warehouse.conn)}
    told_by = warehouse.conn.execute("SELECT DISTINCT job_id FROM imported_plays").fetchall()
    assert {job_id for (job_id,) in told_by} == jobs
    assert warehouse.land(anna, ANNA.files[0]).known
    warehouse.settle([anna])


@pytest.mark.parametrize("unfinished", ["anna", "bob"])
def test_of_a_file_that_one_process_left_unfinished_the_finished_job_stays(
    warehouse: ArchivingWarehouse, unfinished: str
) -> None:
    anna, bob = warehouse.user("anna", "UTC"), warehouse.user("bob", "UTC")
    for user_id in (anna, bob):
        warehouse.land(user_id, ANNA.files[0])
    warehouse.conn.execute(
        "UPDATE import_jobs SET status = 'PROCESSING', completed_at = NULL"
        " WHERE user_id = (SELECT id FROM users WHERE name = %s)",
        [unfinished],
    )
    jobs = {job.user: job.id for job in list_jobs(warehouse.conn)}
    with (
        connect(warehouse.conn.info.dsn) as other,
        holding(other, exclusive(Lock.IMPORT_JOB, jobs[unfinished])),
        pytest.raises(JobInProgress),
    ):
        merge_users(warehouse.conn, "bob", "anna")
    merge_users(warehouse.conn, "bob", "anna")
    [job] = list_jobs(warehouse.conn)
    assert (job.id, job.status, job.user) == (jobs["anna"], "COMPLETED", "anna")
    assert warehouse.conn.execute("SELECT DISTINCT job_id FROM imported_plays").fetchall() == [(job.id,)]


def test_corrections_and_gaps_move_and_stay_once(warehouse: ArchivingWarehouse) -> None:
    anna, bob = warehouse.user("anna", "UTC"), warehouse.user("bob", "UTC")
    for user_id, artists in ((anna, ("One", "Two")), (bob, ("Two", "Three"))):
        for artist in artists:
            warehouse.conn.execute(
                "INSERT INTO corrections (user_id, kind, what)"
                " VALUES (%s, 'HIDE_ARTIST', jsonb_build_object('artist', %s::text))",
                [user_id, artist],
            )
        warehouse.conn.execute(
            "INSERT INTO possible_gaps (user_id, after, before, found_at)"
            " VALUES (%s, '2024-01-01', '2024-01-02', now())",
            [user_id],
        )
    merge_users(warehouse.conn, "bob", "anna")
    found = warehouse.conn.execute("SELECT user_id, what ->> 'artist' FROM corrections ORDER BY 2").fetchall()
    assert found == [(anna, "One"), (anna, "Three"), (anna, "Two")]
    assert warehouse.conn.execute("SELECT user_id FROM possible_gaps").fetchall() == [(anna,)]


def test_of_each_of_spotify_s_lists_the_newer_one_stays(warehouse: ArchivingWarehouse) -> None:
    anna, bob = fill(warehouse)
    conn, now = warehouse.conn, datetime(2024, 5, 1, tzinfo=UTC)
    tracks = [track_id for (track_id,) in conn.execute("SELECT id FROM tracks ORDER BY id LIMIT 3")]
    for user_id, term, hours, track_ids in (
        (anna, "SHORT_TERM", 0, tracks[:2]),
        (bob, "SHORT_TERM", 1, tracks[1:]),
        (anna, "LONG_TERM", 1, tracks[:1]),
        (bob, "LONG_TERM", 0, tracks[1:]),
        (bob, "MEDIUM_TERM", 0, tracks[:1]),
    ):
        for rank, track_id in enumerate(track_ids, start=1):
            conn.execute(
                "INSERT INTO spotify_top_tracks (user_id, term, rank, track_id, fetched_at)"
                " VALUES (%s, %s, %s, %s, %s)",
                [user_id, term, rank, track_id, now + timedelta(hours=hours)],
            )
    for user_id, listed_on, spotify_id in (
        (anna, date(2024, 4, 1), "a"),
        (bob, date(2024, 4, 1), "b"),
        (bob, date(2024, 4, 2), "c"),
    ):
        conn.execute(
            "INSERT INTO spotify_top_artist_history (user_id, term, listed_on, rank, spotify_id)"
            " VALUES (%s, 'SHORT_TERM', %s, 1, %s)",
            [user_id, listed_on, spotify_id],
        )
    merge_users(conn, "bob", "anna")
    lists = conn.execute(
        "SELECT user_id, term::text, track_id FROM spotify_top_tracks AS listed ORDER BY listed.term, rank"
    ).fetchall()
    assert lists == [
        *((anna, "SHORT_TERM", track) for track in tracks[1:]),
        (anna, "MEDIUM_TERM", tracks[0]),
        (anna, "LONG_TERM", tracks[0]),
    ]
    history = conn.execute("SELECT user_id, spotify_id FROM spotify_top_artist_history ORDER BY 2").fetchall()
    assert history == [(anna, "a"), (anna, "c")]


def test_twins_from_before_become_one_listener(warehouse: ArchivingWarehouse) -> None:
    conn = warehouse.conn
    for name, shares_name in (("ZOË", False), ("Zoë", True), ("zoë", True)):
        conn.execute("INSERT INTO users (name, shares_name) VALUES (%s, %s)", [name, shares_name])
    merge_users(conn, "ZOË", "Zoë")
    assert users.shared_names(conn) == [("zoë", "Zoë")]
    merge_users(conn, "zoë", "Zoë")
    assert users.shared_names(conn) == []
    assert [name for _, name in conn.execute("SELECT id, name FROM users")] == ["Zoë"]
    assert users.user_named(conn, "ZOË") == users.user_named(conn, "Zoë")


def test_a_run_under_way_is_waited_for(warehouse: ArchivingWarehouse, places: Places) -> None:
    fill(warehouse)
    with pytest.raises(ImportUnderWay, match="run-1"):
        operation.merge(warehouse.session(), places._replace(runs=Runs(("anna",))), "bob", "anna")


def test_the_folder_of_the_old_name_is_named(warehouse: ArchivingWarehouse, places: Places) -> None:
    fill(warehouse)
    for name in ("anna", "Bob", "carl"):
        (places.uploads / name).mkdir(parents=True)
    merged = operation.merge(warehouse.session(), places, "bob", "anna")
    assert [folder.name for folder in merged.folders] == ["Bob"]


def ten_plays(month: int, artist: str, *, context: Context = CONTEXT) -> list[Play]:
    """Ten plays of one track."""
    ends = [datetime(2021, month, day, 12, tzinfo=UTC) for day in range(1, 11)]
    track = Track(f"{artist[:1]}{'1' * 21}", f"{artist}'s song", artist, "Album")
    return [Play(track, context, end, end, 200_000) for end in ends]


@pytest.mark.parametrize("linked", ["", "bob"])
@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (Kind.HIDE_ARTIST, {"artist": "Shared"}),
        (Kind.HIDE_PERIOD, {"from": "2021-01-01T00:00:00Z", "until": "2021-02-01T00:00:00Z"}),
    ],
)
@pytest.mark.parametrize("of", ["anna", "bob"])
def test_corrections_of_either_reach_the_months_of_both(
    warehouse: ArchivingWarehouse, linked: str, kind: Kind, what: dict[str, str], of: str
) -> None:
    ids = {name: warehouse.user(name, "UTC") for name in ("anna", "bob")}
    warehouse.land(ids["anna"], ten_plays(1, "Shared"))
    warehouse.land(ids["bob"], ten_plays(6, "Own"))
    warehouse.settle(ids.values())
    correct(warehouse.conn, ids[of], kind, what)
    warehouse.settle(ids.values())
    if linked:
        link(warehouse.conn, ids[linked], "an-account")
    kept = merge_users(warehouse.conn, "bob", "anna").user
    warehouse.settle([kept.id])
    assert fetch_scalar(warehouse.conn, "SELECT total_play_count FROM users WHERE id = %s", [kept.id]) == 10


@pytest.mark.parametrize("hides", ["anna", "bob"])
def test_private_sessions_of_both_count_as_the_one_wants_who_is_merged_into(
    warehouse: ArchivingWarehouse, hides: str
) -> None:
    """Also where the row of the other one stays, for its linked account."""
    ids = {name: warehouse.user(name, "UTC") for name in ("anna", "bob")}
    private = CONTEXT._replace(incognito=True)
    warehouse.land(ids["anna"], ten_plays(1, "Own", context=private))
    warehouse.land(ids["bob"], ten_plays(6, "Other", context=private))
    users.set_hide_incognito(warehouse.conn, hides, hide=True)
    warehouse.settle(ids.values())
    link(warehouse.conn, ids["bob"], "an-account")
    kept = merge_users(warehouse.conn, "bob", "anna").user
    warehouse.settle([kept.id])
    counted = fetch_scalar(warehouse.conn, "SELECT total_play_count FROM users WHERE id = %s", [kept.id])
    assert counted == (0 if hides == "anna" else 20)
