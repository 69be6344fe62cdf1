"""``myi import``, as a person calls it."""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from myi_pipelines.settings import PROJECT
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines_tests.support.dagster_harness import count, export

pytestmark = pytest.mark.slow

Myi = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environment(database_url: str, dagster_database_url: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MYI_", "DAGSTER_"))}
    return inherited | {
        "MYI_HOME": str(tmp_path / "home"),
        "MYI_UPLOADS": str(tmp_path / "uploads"),
        "MYI_DATABASE_URL": database_url,
        "MYI_DAGSTER_DATABASE_URL": dagster_database_url,
        "MYI_REDIS_URL": redis_url,
        "PYTHONPATH": str(PROJECT),
        "COLUMNS": "200",
    }


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from myi_pipelines.cli import main; main()", "import", *arguments]


@pytest.fixture
def myi(environment: dict[str, str], tmp_path: Path) -> Myi:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*arguments), env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=180, check=False
        )

    return run


def figures(output: str) -> dict[str, str]:
    """The summary's lines, by their names."""
    lines = [line.strip().split("  ", 1) for line in output.splitlines()[1:]]
    return {name.strip(): " ".join(rest.split()) for name, rest in (line for line in lines if len(line) == 2)}


def test_an_import_ends_with_its_summary_and_shows_in_dagster(
    myi: Myi, environment: dict[str, str], conn: Connection, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "my_data.zip", "w") as archive:
        archive.writestr("Spotify Extended Streaming History/Streaming_History_Audio_2023.json", export(60))
    done = myi("my_data.zip", "--user", "anna", "--timezone", "Asia/Kathmandu")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Imported for anna")
    shown = figures(done.stdout)
    assert shown["rows read"] == "60"
    assert shown["landed"].startswith("60 ")
    assert shown["added"].startswith("54 ")
    assert shown["too short"] == "6 too short to count"
    assert shown["months"].startswith("3 ")
    assert "note: " not in done.stdout
    assert "Traceback" not in done.stderr
    assert "DEBUG" not in done.stderr + done.stdout
    assert count(conn, "SELECT count(*) FROM listening_events") == 54
    assert conn.execute("SELECT timezone FROM user_settings").fetchall() == [("Asia/Kathmandu",)]
    assert runs(environment) == [("import_history", "SUCCESS", "anna", "my_data.zip")]

    again = myi("my_data.zip", "--user", "anna")
    assert again.returncode == 0
    assert figures(again.stdout)["files"] == "1 1 imported before"
    assert figures(again.stdout)["landed"].startswith("0 ")
    assert (tmp_path / "my_data.zip").exists()


def runs(environment: dict[str, str]) -> list[tuple[str, str, str, str]]:
    """Job, status, user and files of the runs that Dagster's instance knows, oldest first."""
    code = """
import json, os
from myi_pipelines.runtime.dagster_home import dagster_environment
from myi_pipelines.settings import load_settings
os.environ.update(dagster_environment(load_settings()))
from dagster import DagsterInstance
with DagsterInstance.get() as instance:
    print(json.dumps([(run.job_name, run.status.value, run.tags["myi/user"], run.tags["myi/files"])
                      for run in reversed(instance.get_runs())]))
"""
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return [tuple(run) for run in json.loads(done.stdout)]


def test_a_first_import_that_fails_leaves_no_listener(myi: Myi, conn: Connection, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text(export(60)[:-50])
    conn.execute("INSERT INTO users (name) VALUES ('bela')")
    assert myi("bad.json", "--user", "anna", "--timezone", "Europe/Berlin").returncode == 1
    assert myi("bad.json", "--user", "bela").returncode == 1
    assert conn.execute("SELECT name FROM users").fetchall() == [("bela",)]
    assert conn.execute("SELECT status::text FROM import_jobs").fetchall() == [("FAILED",)]


def test_a_bad_file_is_the_reason_and_the_good_one_is_imported(myi: Myi, conn: Connection, tmp_path: Path) -> None:
    (tmp_path / "good.json").write_text(export(60))
    (tmp_path / "bad.json").write_text(export(60)[:-50])
    done = myi("bad.json", "good.json", "--user", "anna")
    assert done.returncode == 1
    assert done.stdout.startswith("Partly imported for anna")
    assert figures(done.stdout)["files"] == "1 of 2"
    [line] = [line for line in done.stderr.splitlines() if line.startswith("myi: ")]
    assert line.startswith("myi: bad.json: ")
    assert count(conn, "SELECT count(*) FROM listening_events") == 54


@pytest.mark.thorough
def test_a_bad_file_alone_is_one_line_and_no_figures(myi: Myi, conn: Connection, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text(export(60)[:-50])
    done = myi("bad.json", "--user", "anna")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("myi: bad.json: ")
    assert count(conn, "SELECT count(*) FROM imported_plays") == 0


@pytest.mark.thorough
def test_a_folder_is_searched_for_history(myi: Myi, conn: Connection, tmp_path: Path) -> None:
    folder = tmp_path / "my_data"
    folder.mkdir()
    (folder / "Streaming_History_Audio_2023.json").write_text(export(60))
    (folder / "Userdata.json").write_text('{"username": "nobody"}')
    (folder / "UserAddress.json").write_text("List(Map(street -> 1 Made Up Way))")
    (folder / "later.zip.crdownload").write_text("PK")
    done = myi("my_data", "--user", "anna")
    assert done.returncode == 0, done.stderr
    assert figures(done.stdout)["files"] == "1 2 others passed over"
    assert [line for line in done.stdout.splitlines() if line.startswith("note: ")] == [
        "note: days and hours of anna are counted in UTC; "
        "`myi settings anna --timezone Europe/Berlin`, for example, changes that",
        "note: my_data: still being downloaded, so not read: later.zip.crdownload",
        "note: my_data: passed over 2 files that hold no listening history: UserAddress.json, Userdata.json",
    ]
    assert "UserAddress" not in done.stderr
    assert count(conn, "SELECT count(*) FROM listening_events") == 54


@pytest.mark.thorough
def test_a_file_without_history_that_is_named_fails(myi: Myi, tmp_path: Path) -> None:
    (tmp_path / "UserAddress.json").write_text("List(Map(street -> 1 Made Up Way))")
    done = myi("UserAddress.json", "--user", "anna")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        "myi: UserAddress.json: is one of the other files of Spotify's account data, not a listening history; request"
    )


@pytest.mark.thorough
def test_other_kinds_of_files_are_told_apart_and_the_histories_among_them_are_imported(
    myi: Myi, conn: Connection, tmp_path: Path
) -> None:
    folder = tmp_path / "downloads"
    folder.mkdir()
    (folder / "history.txt").write_text(export(60))
    (folder / "lastfm.xml").write_text('<?xml version="1.0"?><lfm status="ok"/>')
    (folder / "data.rar").write_bytes(b"Rar!\x1a\x07\x00")
    (folder / "holiday.jpg").write_bytes(b"\xff\xd8\xff")
    done = myi("downloads", "--user", "anna")
    assert done.returncode == 1
    assert done.stdout.startswith("Partly imported for anna")
    assert figures(done.stdout)["files"] == "1 of 3, 1 other passed over"
    assert [line.split(";")[0] for line in done.stderr.splitlines() if line.startswith("myi: ")] == [
        "myi: data.rar: is a RAR archive",
        "myi: lastfm.xml: is an export of Last.fm as XML",
    ]
    assert count(conn, "SELECT count(*) FROM listening_events") == 54


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["missing.zip", "--user", "anna"], "myi: missing.zip: there is no such file or folder; nothing was imported"),
        (["/dev/zero", "--user", "anna"], "myi: /dev/zero: is neither a file nor a folder; nothing was imported"),
        (
            ["a.zip.part", "--user", "anna"],
            "myi: a.zip.part: is still being downloaded, by its name; nothing was imported",
        ),
        (["empty", "--user", "anna"], "myi: empty: holds no listening history; request"),
        (["good.json", "--user", "an/na"], "myi: user name 'an/na': use 1 to 64 characters"),
        (["good.json", "--user", "anna", "--timezone", "Mars"], "myi: time zone 'Mars' is not known"),
    ],
    ids=["no such file", "device", "download", "no history", "user", "time zone"],
)
def test_mistakes_are_one_line(myi: Myi, conn: Connection, tmp_path: Path, arguments: list[str], line: str) -> None:
    (tmp_path / "good.json").write_text(export(5))
    (tmp_path / "a.zip.part").write_text("PK")
    (tmp_path / "empty").mkdir()
    done = myi(*arguments)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(line)
    assert count(conn, "SELECT count(*) FROM imported_plays") == 0


INTERRUPTED_AMID_A_STATEMENT = """
from myi_pipelines.cli import main
from myi_pipelines.warehouse import import_jobs

def interrupted(conn, *arguments, **more):
    conn.pgconn.send_query(b"SELECT pg_sleep(5)")
    raise KeyboardInterrupt

import_jobs.report_progress = interrupted
main()
"""


@pytest.mark.thorough
def test_ctrl_c_during_a_statement_is_said_as_such(environment: dict[str, str], tmp_path: Path) -> None:
    """What tidies up fails then, in the interrupt's stead."""
    (tmp_path / "history.json").write_text(export(60))
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_AMID_A_STATEMENT, "import", "history.json", "--user", "anna"],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 130, done.stderr
    assert done.stderr.splitlines()[-1].startswith("myi: the import was interrupted; what it had done is kept")
    assert "Traceback" not in done.stderr


def test_ctrl_c_leaves_a_state_that_can_be_gone_on_with(
    myi: Myi, environment: dict[str, str], conn: Connection, tmp_path: Path
) -> None:
    (tmp_path / "history.json").write_text(export(60_000, apart=timedelta(minutes=10)))
    process = subprocess.Popen(
        command("history.json", "--user", "anna"), env=environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if count(conn, "SELECT count(*) FROM import_jobs WHERE processed_rows > 0"):
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all that the command has started
            break
        time.sleep(0.01)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert errors.splitlines()[-1].startswith("myi: the import was interrupted; what it had done is kept")
    assert "Traceback" not in errors
    assert myi("history.json", "--user", "anna").returncode == 0
    assert count(conn, "SELECT count(*) FROM invalidated_user_months") == 0
    assert count(conn, "SELECT count(*) FROM listening_events") == 54_000
    assert count(conn, "SELECT total_play_count FROM users") == 54_000
