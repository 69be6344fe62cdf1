"""A user's data: all of it is exported, all of it is forgotten, and no other user's."""

import csv
import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pyarrow.parquet as pq
import pytest
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from myi_pipelines.operations.archiving import archive_months
from myi_pipelines.operations.export import ExportFormat, export_user
from myi_pipelines.operations.forget import ForgottenUser, ImportUnderWay, Places, forget_user
from myi_pipelines.operations.output_folder import FolderNotEmpty
from myi_pipelines.operations.parquet_store import Store
from myi_pipelines.orchestration.assets.metadata import _plain, markdown_table
from myi_pipelines.orchestration.instance import active_runs
from myi_pipelines.orchestration.instance.user_runs import UserRuns, name_pattern, names_user
from myi_pipelines.orchestration.names import USER_TAG
from myi_pipelines.runtime.dagster_home import dagster_environment, prepare_dagster_home
from myi_pipelines.settings import Settings, load_settings
from myi_pipelines.warehouse import personal_data
from myi_pipelines.warehouse.database.connections import connect
from myi_pipelines.warehouse.users import UnknownUser
from myi_pipelines_tests.support.killable_import import prepare
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse

pytestmark = pytest.mark.slow

TOKEN = b"a token that must not be exported"


@pytest.fixture
def warehouse(database_url: str) -> Iterator[Warehouse]:
    """Anna's and Bob's histories, with months in the archive of either."""
    with open_warehouse(database_url) as opened:
        yield opened


@pytest.fixture
def settings(tmp_path: Path, database_url: str, redis_url: str) -> Settings:
    return load_settings(
        home=tmp_path / "home", uploads=tmp_path / "uploads", database_url=database_url, redis_url=redis_url
    )


@pytest.fixture
def store(settings: Settings) -> Store:
    return Store(str(settings.home / "archive"))


def fill(warehouse: Warehouse, store: Store) -> tuple[int, int, dict[str, list[tuple[Any, ...]]]]:
    """Two users, with everything a user can have; their ids, and Anna's rows before months were archived."""
    anna, bob = prepare(warehouse, "anna"), prepare(warehouse, "bob")
    warehouse.conn.execute("UPDATE polled_plays SET context_type = 'playlist', context_uri = 'spotify:playlist:1'")
    warehouse.conn.execute(
        "INSERT INTO spotify_auth (user_id, refresh_token_encrypted, authorized_at) VALUES (%s, %s, now())",
        [anna, TOKEN],
    )
    warehouse.conn.execute(
        "INSERT INTO spotify_top_tracks (user_id, term, rank, track_id)"
        " SELECT %s, 'SHORT_TERM', 1, min(id) FROM tracks",
        [anna],
    )
    landed = {
        table: warehouse.conn.execute(f"SELECT * FROM {table} WHERE user_id = %s".encode(), [anna]).fetchall()
        for table in ("listening_events", "imported_plays", "polled_plays")
    }
    months = sorted(month for _, month in warehouse.user_months_of(anna))
    assert any(archived.rows for archived in archive_months(warehouse.conn, store, before=months[4]))
    return anna, bob, landed


def forget(warehouse: Warehouse, settings: Settings, store: Store) -> ForgottenUser:
    return forget_user(Places(warehouse.conn, store, settings.uploads, UserRuns(settings)), "anna")


def rows_of(conn: psycopg.Connection, user_id: int) -> dict[str, list[Any]]:
    """Every row of a user, as text."""
    return {
        str(table): sorted(
            row
            for (row,) in conn.execute(
                psycopg.sql.SQL("SELECT t::text FROM {} AS t WHERE {} = %s").format(
                    table.identifier, psycopg.sql.Identifier(table.owner)
                ),
                [user_id],
            )
        )
        for table in personal_data.personal_tables(conn)
    }


@pytest.mark.parametrize("form", [ExportFormat.PARQUET, ExportFormat.CSV])
def test_an_export_holds_every_row_of_one_user_and_no_token(
    warehouse: Warehouse, store: Store, tmp_path: Path, form: ExportFormat
) -> None:
    anna, bob, landed = fill(warehouse, store)
    formula = '=HYPERLINK("http://example.com/anna";"anna")'
    for table, key in (("tracks", "track_id"), ("export_tracks", "export_track_id")):
        select = f"SELECT min({key}) FROM {'listening_events' if table == 'tracks' else 'imported_plays'}"
        column = "name" if table == "tracks" else "track_name"
        warehouse.conn.execute(
            f"UPDATE {table} SET {column} = %s WHERE id = ({select} WHERE user_id = %s)".encode(), [formula, anna]
        )
    folder = tmp_path / "export"
    export_user(warehouse.conn, store, "anna", folder, form)

    def read(name: str) -> list[dict[str, Any]]:
        path = folder / f"{name}.{form}"
        if form is ExportFormat.PARQUET:
            return pq.ParquetFile(path).read().to_pylist()  # type: ignore[no-any-return]
        with path.open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))

    for table, rows in landed.items():
        assert len(read(f"tables/{table}")) == len(rows)
    assert {play["context_uri"] for play in read("tables/polled_plays")} == {"spotify:playlist:1"}
    events = read("tables/listening_events")
    assert {int(event["id"]) for event in events} == {row[0] for row in landed["listening_events"]}
    if form is ExportFormat.PARQUET:  # which an import reads: what is in the archive, too
        told_by = Counter(row["told_by"] for row in read("history"))
        assert told_by["extended"] + told_by["account"] == len(landed["imported_plays"])
        assert told_by["polled"] == len(landed["polled_plays"])
    plays = read("plays")
    assert len(plays) == len(events)
    named = [play for play in plays if play["track"]]  # Of a track that was only polled, no name is known yet.
    assert len(named) > 0.9 * len(plays)
    assert all("anna" in play["track"] and play["artists"] for play in named)
    shown = formula if form is ExportFormat.PARQUET else f"'{formula}"
    assert shown in {play["track"] for play in plays}
    assert [name for table in ("tracks", "export_tracks") for name in _formulas(read(f"catalog/{table}"))] == [
        shown
    ] * 2
    tracks = {int(track["track_id"]) for track in read("catalog/tracks")}
    assert {int(event["track_id"]) for event in events} <= tracks
    credited = {int(credit["artist_id"]) for credit in read("catalog/track_artists")}
    assert credited <= {int(artist["artist_id"]) for artist in read("catalog/artists")}
    exported_names = {int(names["export_track_id"]) for names in read("catalog/export_tracks")}
    assert exported_names == {int(play["export_track_id"]) for play in read("tables/imported_plays")}
    exported = {path.stem for path in (folder / "tables").iterdir()}
    account = json.loads((folder / "account.json").read_text())
    own = {str(table) for table in personal_data.personal_tables(warehouse.conn) if not table.is_shadow}
    assert exported | set(account) == own
    assert "refresh_token_encrypted" not in account["spotify_auth"][0]

    manifest = json.loads((folder / "manifest.json").read_text())
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {file["file"] for file in manifest["files"]} == {
        str(path.relative_to(folder)) for path in files if path.name != "manifest.json"
    }
    for file in manifest["files"]:
        assert hashlib.sha256((folder / file["file"]).read_bytes()).hexdigest() == file["sha256"]
    for path in files:
        assert TOKEN not in path.read_bytes()
        assert TOKEN.hex().encode() not in path.read_bytes()
    assert all(path.stat().st_mode & 0o077 == 0 for path in (folder, *folder.rglob("*")))
    assert all(int(row["user_id"]) != bob for path in exported for row in read(f"tables/{path}"))


def _formulas(rows: list[dict[str, Any]]) -> list[str]:
    """Texts that are formulas to a spreadsheet, or would be without the apostrophe before them."""
    texts = (value for row in rows for value in row.values() if isinstance(value, str))
    return [text for text in texts if text.lstrip("'").startswith(("=", "+", "@"))]


def test_an_export_that_fails_creates_no_folder(
    warehouse: Warehouse, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(warehouse, "anna")
    folder = tmp_path / "export"
    monkeypatch.setattr("myi_pipelines.operations.export.README", "{nothing of this name}")
    with pytest.raises(KeyError):
        export_user(warehouse.conn, store, "anna", folder, ExportFormat.CSV)
    assert list(tmp_path.glob("*export*")) == []
    monkeypatch.undo()
    export_user(warehouse.conn, store, "anna", folder, ExportFormat.CSV)
    with pytest.raises(FolderNotEmpty, match="is there already"):
        export_user(warehouse.conn, store, "anna", folder, ExportFormat.CSV)


def test_tables_with_rows_of_users_are_found_in_the_database(warehouse: Warehouse) -> None:
    conn = warehouse.conn
    user_id = warehouse.user("anna", "UTC")
    conn.execute("CREATE TABLE of_tomorrow (user_id bigint NOT NULL, note text)")
    conn.execute("CREATE TABLE of_others (listener bigint REFERENCES users ON DELETE CASCADE)")
    conn.execute("CREATE TABLE shadow.unfinished (user_id bigint)")
    for table in ("of_tomorrow", "of_others", "shadow.unfinished"):
        conn.execute(f"INSERT INTO {table} VALUES (%s)".encode(), [user_id])
    tables = {str(table) for table in personal_data.personal_tables(conn)}
    with_user_ids = conn.execute(
        "SELECT table_name FROM information_schema.columns JOIN pg_class ON relname = table_name"
        " WHERE column_name = 'user_id' AND table_schema = 'public' AND relkind IN ('r', 'p') AND NOT relispartition"
    )
    assert {name for (name,) in with_user_ids} < tables
    assert {"users", "of_tomorrow", "of_others", "shadow.unfinished"} <= tables
    before, after = personal_data.forget_user(conn, user_id)
    assert before["of_tomorrow"] == before["of_others"] == before["shadow.unfinished"] == before["users"] == 1
    assert set(after.values()) == {0}


def test_forgetting_removes_all_data_of_one_user_and_none_of_the_others(
    warehouse: Warehouse, settings: Settings, store: Store
) -> None:
    anna, bob, _ = fill(warehouse, store)
    uploads = settings.uploads / "anna"
    for place in ("waiting.zip", "imported/a.zip", "failed/b.json"):
        (uploads / place).parent.mkdir(parents=True, exist_ok=True)
        (uploads / place).write_bytes(b"x")
    (settings.uploads / "bob").mkdir()
    kept = rows_of(warehouse.conn, bob)
    forgotten = forget(warehouse, settings, store)
    before, after = forgotten
    assert before.archived_rows > 0
    assert before.uploads == 3
    assert before.rows["listening_events"] > 0
    assert before.rows["archived_user_months"] > 0
    assert after.nonzero() == []
    assert not uploads.exists()
    assert (settings.uploads / "bob").exists()
    assert {table: rows for table, rows in rows_of(warehouse.conn, anna).items() if rows} == {}
    assert rows_of(warehouse.conn, bob) == kept
    for path in (settings.home / "archive").rglob("*.parquet"):
        assert anna not in pq.ParquetFile(path).read(columns=["user_id"])["user_id"].to_pylist()
    with pytest.raises(UnknownUser):
        forget(warehouse, settings, store)


def test_folders_in_all_spellings_of_the_name_are_removed(
    warehouse: Warehouse, settings: Settings, store: Store
) -> None:
    warehouse.user("anna", "UTC")
    for name in ("Anna", "ANNA ", "annabel"):
        (settings.uploads / name).mkdir(parents=True)
        (settings.uploads / name / "history.zip").write_bytes(b"x")
    assert forget(warehouse, settings, store).before.uploads == 2
    assert [folder.name for folder in settings.uploads.iterdir()] == ["annabel"]


def test_of_an_uploads_folder_that_is_a_link_only_the_link_is_removed(
    warehouse: Warehouse, settings: Settings, store: Store, tmp_path: Path
) -> None:
    warehouse.user("anna", "UTC")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "history.zip").write_bytes(b"x")
    settings.uploads.mkdir()
    (settings.uploads / "anna").symlink_to(elsewhere)
    assert forget(warehouse, settings, store).before.uploads == 1
    assert (elsewhere / "history.zip").exists()
    assert not (settings.uploads / "anna").is_symlink()


@pytest.fixture
def instance(settings: Settings, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """Dagster's instance of the settings."""
    prepare_dagster_home(settings)
    for name, value in dagster_environment(settings).items():
        monkeypatch.setenv(name, value)
    with dg.DagsterInstance.get() as opened:
        yield opened


@dg.op(name="top_lists", config_schema={"user": str, "only_invalidated": bool})
def top_lists_step(context: dg.OpExecutionContext) -> None:
    context.log.info(context.run.tags.get("logged", ""))
    context.log_event(
        dg.AssetMaterialization("users", metadata={"totals": markdown_table(("user", "plays"), [("bob", 3)])})
    )


@dg.job(name="import_history")
def import_job() -> None:
    top_lists_step()


def run_of(instance: dg.DagsterInstance, *, user: str = "", logged: str = "") -> str:
    config = {"ops": {"top_lists": {"config": {"user": user, "only_invalidated": True}}}}
    tags = {"logged": logged, **({USER_TAG: user} if user else {})}
    return import_job.execute_in_process(instance=instance, run_config=config, tags=tags).run_id


def test_runs_that_name_a_user_are_removed_and_the_others_stay(
    warehouse: Warehouse, settings: Settings, store: Store, instance: dg.DagsterInstance
) -> None:
    warehouse.user("anna", "UTC")
    runs = [
        run_of(instance, user=user, logged=logged)
        for user, logged in (("anna", ""), ("", "anna: 3 tracks"), ("annabel", ""), ("", "Hanna: 3 tracks"))
    ]
    assert forget(warehouse, settings, store).before.runs == 2
    assert [instance.has_run(run) for run in runs] == [False, False, True, True]


@pytest.mark.few(2)
@pytest.mark.parametrize(
    "name", ["user", "users", "top_lists", "ops", "config", "plays", "only_invalidated", "import_history", "totals"]
)
def test_of_a_user_named_like_a_word_of_runs_only_own_runs_are_removed(
    warehouse: Warehouse, settings: Settings, store: Store, instance: dg.DagsterInstance, name: str
) -> None:
    warehouse.user(name, "UTC")
    others = [run_of(instance, user="bob", logged=f"bob: 3 {name} were read by a {name} of {name}")]
    own = [run_of(instance, user=name), run_of(instance, logged=f"{name}: 3 rows read")]
    forgotten = forget_user(Places(warehouse.conn, store, settings.uploads, UserRuns(settings)), name)
    assert forgotten.before.runs == 2
    assert [instance.has_run(run) for run in (*own, *others)] == [False, False, True]


def test_a_run_that_waits_in_the_queue_holds_up_no_forgetting(
    warehouse: Warehouse, settings: Settings, store: Store, instance: dg.DagsterInstance
) -> None:
    warehouse.user("anna", "UTC")
    location = GrpcServerCodeLocationOrigin(host="localhost", port=1, location_name="myi")
    queued = dg.DagsterRun(
        job_name="import_history",
        status=dg.DagsterRunStatus.QUEUED,
        tags={USER_TAG: "anna"},
        remote_job_origin=RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), "import_history"),
    )
    instance.add_run(queued)
    assert forget(warehouse, settings, store).before.runs == 1
    assert not instance.has_run(queued.run_id)


@pytest.mark.parametrize("status", ["STARTED", "STARTING"])
def test_a_run_that_is_dead_holds_up_no_forgetting(
    warehouse: Warehouse,
    settings: Settings,
    store: Store,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    status: str,
) -> None:
    warehouse.user("anna", "UTC")
    run_id = run_of(instance, user="anna")
    with psycopg.connect(os.environ["MYI_DAGSTER_DATABASE_URL"]) as dagster:
        dagster.execute("UPDATE runs SET status = %s WHERE run_id = %s", [status, run_id])
    with pytest.raises(ImportUnderWay, match="imports for anna at this moment"):
        forget(warehouse, settings, store)
    monkeypatch.setattr(active_runs, "SECONDS_UNTIL_SILENT", 0)
    with (
        connect(warehouse.conn.info.dsn, application_name=active_runs.application_name(run_id)),
        pytest.raises(ImportUnderWay),
    ):
        forget(warehouse, settings, store)
    assert forget(warehouse, settings, store).before.runs == 1
    assert not instance.has_run(run_id)


@pytest.mark.parametrize("name", ["anna", "an_na", "*a*", "Zoë", 'a "b" c', "ann.a+b (1)", "林", "🎧", "o'x"])
def test_a_name_is_found_however_json_escapes_it(conn: psycopg.Connection, name: str) -> None:
    once = json.dumps({"user": name, "table": f"a\n{name}: 3"})
    in_markdown = _plain(name)
    texts = [
        name,
        f"| {name} |",
        in_markdown,
        json.dumps(in_markdown),
        once,
        json.dumps(once),
        json.dumps({"x": json.dumps(once)}, ensure_ascii=False),
    ]
    for text in texts:
        assert conn.execute("SELECT %s ~ %s", [text, name_pattern(name)]).fetchone() == (True,), text
    for text in (f"x{name}", f"{name}x", json.dumps(f"{name}-2")):
        assert conn.execute("SELECT %s ~ %s", [text, name_pattern(name)]).fetchone() == (False,), text


@pytest.mark.parametrize("name", ["anna", "an_na", "Zoë", "ann.a+b (1)", "o'x", "an|na"])
def test_a_name_is_known_from_prose(name: str) -> None:
    plain = _plain(name)
    for text in (
        f"{name}: 3 new plays of 50, due again at 12:00:00 UTC",
        f"bob: it does not answer; {name}: plays may be missing before 2026-01-01 00:00",
        f"- bob: users.total_play_count sums to 1, expected 2\n- {plain}: users.total_play_count sums to 1, expected 2",
        markdown_table(("User", "Plays"), [("bob", 3), (name, 3)]).value,
        f"- {plain} needs `myi login --user {name}`: withdrawn",
        f"/data/uploads/{name}/history.zip",
        f"no user is named {name!r}; `myi users` lists them",
        f"nobody: no valid Spotify account is linked (linked: bob, {name}, cleo); run `myi login --user NAME`",
        f"bob, {name}: no valid Spotify account is linked (no user is); run `myi login --user NAME`",
    ):
        assert names_user(str(text), name), text
    for text in (
        name,
        f"x{name}: 3",
        f"{name}x: 3",
        f"the {name} of it",
        f"2 of 3 {name}, {name}; {name}",
        markdown_table(("time zone", "user", "artist"), [(name, "bob", name)]).value,
        f"![{name}: 3 bars, the highest {name}](data:image/svg+xml;{name},{name}/{name}=)",
        f"/home/{name}/x.zip",
        f"{name}/x.zip: 3 rows read",
    ):
        assert not names_user(str(text), name), text
    for step in ("imported_plays", "archived_months"):
        assert not names_user(f"{name}: 3 rows read", name, step=step)
