import re
import shutil
from pathlib import Path

import psycopg
import pytest
import typer

from myi_pipelines.cli import app
from myi_pipelines.settings import PROJECT
from myi_pipelines.warehouse.database.connections import fetch_scalar
from myi_pipelines_tests.support.cli_fixtures import Myi
from myi_pipelines_tests.support.dagster_harness import export


@pytest.fixture
def anna(conn: psycopg.Connection) -> int:
    """A user without plays."""
    user_id = fetch_scalar(conn, "INSERT INTO users (name) VALUES ('anna') RETURNING id")
    conn.execute("INSERT INTO user_settings (user_id) SELECT id FROM users")
    return int(user_id)


def test_the_commands_of_the_page_on_recovery_exist() -> None:
    known = typer.main.get_group(app).commands
    text = (PROJECT / "docs" / "operations" / "backup.md").read_text(encoding="utf-8")
    lines = re.findall(r"(?:^|`)myi ([a-z-]+)([^`\n#]*)", text, flags=re.MULTILINE)
    assert {"backup", "restore", "export", "forget", "verify"} <= {command for command, _ in lines}
    for command, rest in lines:
        options = {option for parameter in known[command].params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= options, f"myi {command}{rest}"


def test_an_export_says_where_and_how_much(myi: Myi, anna: int, tmp_path: Path) -> None:
    result = myi("export", "--user", "anna", "--to", "out", "--format", "csv")
    assert result.stdout.startswith("out: 0 plays of anna, ")
    assert (tmp_path / "out" / "plays.csv").read_text().startswith("played_at,track,artists,album,")
    again = myi("export", "--user", "anna", "--to", "out")
    assert (again.exit_code, again.stderr.count("\n")) == (1, 1)
    assert "is there already; name a folder that is empty" in again.stderr
    assert "no user is named 'bob'" in myi("export", "--user", "bob", "--to", "other").stderr


def test_forgetting_asks_first_and_proves_it(myi: Myi, anna: int, conn: psycopg.Connection) -> None:
    refused = myi("forget", "--user", "anna", stdin="n\n")
    assert refused.exit_code == 1
    assert "nothing was changed" in refused.stderr
    assert conn.execute("SELECT count(*) FROM users").fetchone() == (1,)
    assert myi("forget", "--user", "anna", stdin="").exit_code == 1
    result = myi("forget", "--user", "anna", stdin="y\n")
    assert result.exit_code == 0
    lines = {line.split()[0]: line.split()[1:] for line in result.stdout.splitlines() if line.split()[1:][1:] == ["0"]}
    assert lines["users"] == lines["user_settings"] == ["1", "0"]
    assert {"listening_events", "imported_plays", "spotify_auth", "import_jobs"} <= set(lines)
    assert conn.execute("SELECT count(*) FROM users").fetchone() == (0,)


def test_a_backup_is_taken_and_put_back(myi: Myi, anna: int, conn: psycopg.Connection) -> None:
    conn.execute(
        "INSERT INTO spotify_auth (user_id, refresh_token_encrypted, authorized_at) VALUES (%s, 'x', now())", [anna]
    )
    taken = myi("backup", "backups/today")
    assert taken.stdout.startswith("backups/today: ")
    assert "not in it: the encryption key" in taken.stderr
    conn.execute("UPDATE users SET name = 'bob'")
    refused = myi("restore", "backups/today")
    assert (refused.exit_code, refused.stderr.splitlines()[-1]) == (
        1,
        "myi: the warehouse holds the history of bob: restore into an empty one, or replace it with --replace",
    )
    assert "nothing was changed" in myi("restore", "backups/today", "--replace", stdin="n\n").stderr
    done = myi("restore", "backups/today", "--replace", "--yes")
    assert done.exit_code == 0, done.stderr
    assert "all invariants hold" in done.stdout
    assert conn.execute("SELECT name FROM users").fetchall() == [("anna",)]


def test_verifying_ends_with_a_code_for_scripts(myi: Myi, anna: int, conn: psycopg.Connection) -> None:
    sound = myi("verify")
    assert (sound.exit_code, sound.stdout) == (0, "no difference in 0 user-months of 1 user\n")
    conn.execute("UPDATE users SET total_play_count = 7")
    result = myi("verify", "--user", "anna")
    assert result.exit_code == 1
    assert "anna: users: totals are not the sums of the months" in result.stdout
    repaired = myi("verify", "--repair")
    assert repaired.exit_code == 0
    assert repaired.stdout.endswith("after the repair:\nno difference in 0 user-months of 1 user\n")
    assert myi("verify", "--user", "bob").exit_code == 1


@pytest.mark.thorough
def test_a_restore_says_what_the_archive_has_by_now(myi: Myi, conn: psycopg.Connection, tmp_path: Path) -> None:
    for name in ("anna", "bob"):
        (tmp_path / f"{name}.json").write_text(export(40, salt=name))
        assert myi("import", f"{name}.json", "--user", name).exit_code == 0
    assert myi("backup", "before").exit_code == 0
    assert myi("archive", "--keep-months", "12").exit_code == 0
    assert myi("verify").stdout == "no difference in 4 user-months of 2 users and 2 archived folders\n"
    assert myi("backup", "after").exit_code == 0
    assert myi("forget", "--user", "bob", "--yes").exit_code == 0

    restored = myi("restore", "after", "--replace", "--yes")
    assert restored.exit_code == 0, restored.stderr
    assert "2 archived folders written again since the backup: found, and in use" in restored.stderr
    assert "warning: bob was forgotten since the backup: 2 months of plays" in restored.stderr
    assert myi("forget", "--user", "bob", "--yes").exit_code == 0
    assert myi("unarchive", "2023-11").stdout == "plays of 1 user-month restored\n"

    older = myi("restore", "before", "--replace", "--yes")
    assert "2 archived folders of after the backup: kept for 30 days" in older.stderr
    assert [line.split()[-1] for line in myi("archive", "--list").stdout.splitlines()] == ["state", *2 * ["orphaned"]]

    shutil.rmtree(tmp_path / ".myi" / "archive")
    missing = myi("restore", "after", "--replace", "--yes")
    assert "warning: 2 archived folders of 2023-11 to 2023-12 not in" in missing.stderr
    assert [line.split()[-1] for line in myi("archive", "--list").stdout.splitlines()] == ["state", *2 * ["missing"]]
    assert myi("verify").exit_code == 1
    refused = myi("forget", "--user", "anna", "--yes")
    assert (refused.exit_code, "--archive-is-lost" in refused.stderr) == (1, True)
    assert conn.execute("SELECT count(*) FROM users WHERE name = 'anna'").fetchone() == (1,)
    assert myi("forget", "--user", "anna", "--yes", "--archive-is-lost").exit_code == 0
