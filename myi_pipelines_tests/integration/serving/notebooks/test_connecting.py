"""Where a notebook finds the warehouse, as whom it reads, and what it is told where that does not work."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from datetime import date, datetime
from pathlib import Path

import psycopg
import pytest

import myi_pipelines as myi
from myi_pipelines.runtime.database_urls import with_user
from myi_pipelines.runtime.reader import reader_url
from myi_pipelines.serving.notebooks.connecting import NoWarehouse, SchemaNotCurrent, SeveralListeners
from myi_pipelines.serving.notebooks.reader import ServerUnreachable
from myi_pipelines.settings import load_settings
from myi_pipelines.sources.exports import Play, Track
from myi_pipelines.warehouse.database.connections import connect
from myi_pipelines.warehouse.schema.reader import ReaderNotUsable
from myi_pipelines.warehouse.user_months import Stage
from myi_pipelines.warehouse.users import UnknownUser
from myi_pipelines_tests.support.archive_fixtures import open_archiving_warehouse
from myi_pipelines_tests.support.strategies import CONTEXT
from myi_pipelines_tests.support.warehouse_harness import Warehouse

AT_WORK = (
    "SELECT usename FROM pg_stat_activity WHERE application_name = 'myi notebook' AND datname = current_database()"
)


ODD = 'a "platform", as\nno other; \\N'


def play_at(ended: str) -> Play:
    at = datetime.fromisoformat(ended)
    return Play(Track("1" * 22, 'Hit, "the"', "One", "Hits"), CONTEXT._replace(platform=ODD), at, at, 60_000, None)


@pytest.fixture
def anna(warehouse: Warehouse) -> Warehouse:
    """A warehouse with one listener and two plays."""
    user_id = warehouse.user("anna", "Asia/Kathmandu")
    warehouse.land(user_id, [play_at("2024-03-31T18:30:00Z"), play_at("2024-05-01T10:00:00Z")])
    warehouse.settle([user_id])
    return warehouse


def test_the_import_of_the_package_loads_nothing_but_the_package() -> None:
    code = (
        "import sys; before = set(sys.modules); import myi_pipelines as myi;"
        "print(sorted(set(sys.modules) - before)); print({'connect', 'Listening'} <= set(dir(myi)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['myi_pipelines']\nTrue\n"


def test_notebooks_load_no_dagster_and_no_web_server() -> None:
    code = (
        "import sys, myi_pipelines; myi_pipelines.connect;"
        "print({'dagster', 'fastapi', 'starlette', 'matplotlib', 'redis'} & set(sys.modules), 'pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set() True\n"
    with pytest.raises(AttributeError, match="no attribute 'conect'"):
        myi.conect  # type: ignore[attr-defined] # noqa: B018


def test_an_owner_s_address_is_read_as_the_reader(anna: Warehouse, database_url: str) -> None:
    with closing(myi.connect(url=database_url)) as me:
        assert (me.user, len(me.plays()), me.totals()["days_with_plays"]["current"]) == ("anna", 2, 2)
        assert anna.conn.execute(AT_WORK).fetchall() == [("myi_reader",)]
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), me._reader.reading() as conn:
            conn.execute("DELETE FROM users")


def test_the_address_of_myi_url_needs_no_owner(
    anna: Warehouse, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(database_url) as owner:
        url = reader_url(load_settings(database_url=database_url), owner)
    with closing(myi.connect("ANNA", url=url)) as me:
        assert me.user == "anna"
        assert me.plays("2024-04")[["track", "platform"]].to_numpy().tolist() == [['Hit, "the"', ODD]]
    monkeypatch.setenv("MYI_READER_DATABASE_URL", url)
    with closing(myi.connect()) as me:
        months = me.activity("month", "2024-04-01..2024-05-31")["play_count"]
        assert [(str(month), plays) for month, plays in months.items()] == [("2024-04", 1), ("2024-05", 1)]


def test_a_login_that_can_do_more_than_read_is_refused(anna: Warehouse, database_url: str) -> None:
    url = with_user(database_url, "postgres", "")
    with pytest.raises(ReaderNotUsable, match="can do more than read: take the address that `myi url` prints"):
        myi.connect(url=url)


def test_a_connection_that_the_server_ended_is_opened_again(anna: Warehouse, database_url: str) -> None:
    with closing(myi.connect(url=database_url)) as me:
        with psycopg.connect(with_user(database_url, "postgres", "")) as administrator:
            administrator.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                " WHERE application_name = 'myi notebook' AND datname = current_database()"
            )
        assert len(me.plays()) == 2


def test_errors_say_in_a_line_what_to_do(
    warehouse: Warehouse, database_url: str, empty_database_url: str, tmp_path: Path
) -> None:
    with pytest.raises(NoWarehouse, match="no listener yet: `myi import PATH --user NAME`"):
        myi.connect(url=database_url)
    warehouse.user("anna", "UTC")
    warehouse.user("bob", "UTC")
    with pytest.raises(SeveralListeners, match=r"say whose plays: connect\('anna'\); there are anna, bob"):
        myi.connect(url=database_url)
    with pytest.raises(UnknownUser, match="no user is named 'carl'; known users: anna, bob"):
        myi.connect("carl", url=database_url)
    with pytest.raises(NoWarehouse, match="holds no warehouse"):
        myi.connect(url=empty_database_url)
    with pytest.raises(NoWarehouse, match=r"no warehouse in .*: connect\(home=…\)"):
        myi.connect(home=tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ServerUnreachable, match="check the address") as raised:
        myi.connect(url="postgresql://anna:secret@127.0.0.1:1/x")
    assert "secret" not in str(raised.value)
    warehouse.conn.execute("DELETE FROM _yoyo_migration")
    with pytest.raises(SchemaNotCurrent, match="`myi migrate`"):
        myi.connect(url=database_url)


def test_a_frame_says_which_months_are_being_derived(anna: Warehouse, database_url: str) -> None:
    with closing(myi.connect(url=database_url)) as me:
        assert me.plays("2024").attrs["deriving"] is None
        [user_id] = [one for (one,) in anna.conn.execute("SELECT id FROM users")]
        anna.land(user_id, [play_at("2024-05-02T10:00:00Z")])
        assert [one.month.isoformat() for one in anna.stale(user_id, Stage.EVENTS)] == ["2024-05-01"]
        with pytest.warns(myi.NotExact, match=r"1 months are being derived: this is as of 20\d\d-"):
            plays = me.plays("2024")
        assert plays.attrs["deriving"]["first_month"] == "2024-05-01"
        assert plays.attrs["as_of"] == plays.attrs["deriving"]["since"]


def test_a_frame_says_which_months_are_in_the_archive(anna: Warehouse, database_url: str, tmp_path: Path) -> None:
    with open_archiving_warehouse(database_url, tmp_path) as archiving:
        archiving.archive(only=[date(2024, 3, 1)])
    with closing(myi.connect(url=database_url)) as me:
        with pytest.warns(myi.NotExact, match=r"plays of 1 archived months are missing \(`myi unarchive`\)"):
            plays = me.plays("2024")
        assert (plays.attrs["archived"], len(plays)) == (["2024-03-01"], 1)
        assert me.activity("year", "2024")["play_count"].sum() == 2
