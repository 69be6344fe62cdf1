"""``myi rename-user`` and ``merge-users``, as a person at a terminal meets them."""

from pathlib import Path

import psycopg
import pytest

from myi_pipelines.warehouse.users import ensure_user
from myi_pipelines_tests.support.cli_fixtures import Myi

pytestmark = pytest.mark.slow


def names(conn: psycopg.Connection) -> list[str]:
    return [name for (name,) in conn.execute("SELECT name FROM users ORDER BY name")]


def test_a_listener_is_renamed_and_the_folder_of_the_old_name_is_named(
    myi: Myi, conn: psycopg.Connection, tmp_path: Path
) -> None:
    ensure_user(conn, "anna")
    (tmp_path / "uploads" / "ANNA").mkdir(parents=True)
    result = myi("rename-user", "Anna", "Anna Maria")
    assert result.stdout == "anna is Anna Maria now\n"
    assert "ANNA has the old name" in result.stderr
    assert names(conn) == ["Anna Maria"]
    result = myi("rename-user", "anna", "bob")
    assert result.stderr.splitlines()[-1] == "myi: no user is named 'anna'; known users: Anna Maria"


def test_merging_asks_first(myi: Myi, conn: psycopg.Connection) -> None:
    for name in ("anna", "bob"):
        ensure_user(conn, name)
    assert "nothing was changed" in myi("merge-users", "bob", "anna", stdin="n\n").stderr
    assert names(conn) == ["anna", "bob"]
    assert myi("merge-users", "BOB", "ANNA", "--yes").stdout == "bob is part of anna now: 0 months with plays\n"
    assert names(conn) == ["anna"]
    assert myi("merge-users", "anna", "Anna").output == "myi: 'anna' and 'Anna' are one user, 'anna', already\n"


def test_the_operators_password_is_set_where_it_is_looked_at(myi: Myi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYI_WEB_PASSWORD", "of the settings")
    for arguments in ([], ["--remove"]):
        result = myi("password", *arguments, stdin="four plain words\n")
        assert result.exit_code == 1
        assert "MYI_WEB_PASSWORD" in result.stderr
    assert "no user is named" in myi("password", "--user", "anna", stdin="four plain words\n").stderr


def test_a_token_for_submitting_plays_makes_its_listener(myi: Myi, conn: psycopg.Connection) -> None:
    assert "no user is named" in myi("token", "reader", "--user", "anna", "--may", "stats:read").stderr
    made = myi("token", "a scrobbler", "--user", "anna", "--may", "listens:write")
    assert made.stdout.startswith("myi_")
    assert "anna is new here" in made.stderr
    assert names(conn) == ["anna"]
    again = myi("token", "another", "--user", "ANNA", "--may", "listens:write")
    assert (again.stdout[:4], again.stderr) == ("myi_", "")
