from pathlib import Path

import psycopg
import pytest

from myi_pipelines.warehouse import user_derivation
from myi_pipelines_tests.support.cli_fixtures import Myi
from myi_pipelines_tests.support.dagster_harness import export

JOB = """
INSERT INTO import_jobs (user_id, file_name, sha256, status, total_bytes, processed_bytes, rejected,
    error_message, started_at, completed_at)
SELECT id, %s, %s, %s::job_status, 200, 50, '{"podcast": 3, "malformed": 0}', %s, now(), %s::timestamptz
FROM users WHERE name = 'anna'
"""


def add_anna(conn: psycopg.Connection) -> None:
    conn.execute("INSERT INTO users (name, total_play_count, total_listening_ms) VALUES ('anna', 1234, 7200000)")
    conn.execute("INSERT INTO user_settings (user_id, timezone) SELECT id, 'Asia/Kathmandu' FROM users")


def test_users_are_listed_with_their_totals(myi: Myi, conn: psycopg.Connection) -> None:
    assert "no listener yet" in myi("users").stderr
    add_anna(conn)
    line = myi("users").stdout.splitlines()[1]
    assert line.split()[:4] == ["anna", "Asia/Kathmandu", "1,234", "2.0"]


def test_users_have_their_last_play_at_their_clock_also_in_the_archive_and_months_once(
    myi: Myi, conn: psycopg.Connection, tmp_path: Path
) -> None:
    (tmp_path / "history.json").write_text(export(40))
    assert myi("import", "history.json", "--user", "anna", "--timezone", "Pacific/Apia").exit_code == 0
    [(last,)] = conn.execute("SELECT max(played_at) AT TIME ZONE 'Pacific/Apia' FROM listening_events").fetchall()
    archived = myi("archive", "--keep-months", "12")
    assert archived.exit_code == 0, archived.stderr
    conn.execute(
        "INSERT INTO invalidated_user_months (user_id, month, stage)"
        " SELECT id, '2019-05-01', stage FROM users CROSS JOIN unnest(enum_range(NULL::derivation_stage)) AS stage"
    )
    line = myi("users").stdout.splitlines()[1]
    assert f"{last:%Y-%m-%d %H:%M}" in line
    assert line.split()[-1] == "1"


def test_a_time_zone_is_shown_and_changed(myi: Myi, conn: psycopg.Connection) -> None:
    add_anna(conn)
    assert myi("settings", "anna").stdout.splitlines()[0].split() == ["timezone", "Asia/Kathmandu"]
    changed = myi("settings", "anna", "--timezone", "Pacific/Apia")
    assert changed.stdout.splitlines()[0].split() == ["timezone", "Pacific/Apia"]


@pytest.mark.few(1)
@pytest.mark.parametrize("is_archived", [False, True])
def test_statistics_are_in_the_new_time_zone_at_once(
    myi: Myi, conn: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_archived: bool
) -> None:
    def hours() -> list[tuple[int, int]]:
        return conn.execute("SELECT hour, play_count FROM user_hour_stats ORDER BY hour").fetchall()

    (tmp_path / "history.json").write_text(export(40))
    assert myi("import", "history.json", "--user", "anna").exit_code == 0
    in_utc = hours()
    if is_archived:
        assert myi("archive", "--keep-months", "12").exit_code == 0
    changed = myi("settings", "anna", "--timezone", "Asia/Tokyo")
    assert (changed.exit_code, changed.stderr) == (0, "computing 2 months in Asia/Tokyo\n")
    assert hours() == sorted(((hour + 9) % 24, plays) for hour, plays in in_utc)
    assert conn.execute("SELECT count(*) FROM invalidated_user_months").fetchone() == (0,)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(user_derivation, "derive_user", killed)
        stopped = myi("settings", "anna", "--timezone", "UTC")
    assert (stopped.exit_code, stopped.stderr.splitlines()[-1]) == (
        130,
        "myi: interrupted: the change is made and stays; `myi up`, or the same command again, brings the statistics up"
        " to date",
    )
    assert "2 months are still to be computed" in " ".join(myi("report", "--user", "anna").stdout.split())
    assert myi("settings", "anna", "--timezone", "UTC").exit_code == 0
    assert hours() == in_utc
    assert myi("verify").stdout.startswith("no difference in 2 user-months of 1 user")


def test_a_wrong_time_zone_and_a_stranger_are_one_clear_line(myi: Myi, conn: psycopg.Connection) -> None:
    add_anna(conn)
    result = myi("settings", "anna", "--timezone", "Europe/Berln")
    assert result.exit_code == 1
    assert result.stderr.startswith(
        "myi: time zone 'Europe/Berln' is not known; use an IANA name such as Europe/Berlin"
    )
    assert "time zone 'Factory' is not known" in myi("settings", "anna", "--timezone", "Factory").stderr
    assert "use that of a place: Europe/Brussels" in myi("settings", "anna", "--timezone", "CET").stderr
    result = myi("settings", "bob")
    assert (result.exit_code, result.stderr) == (1, "myi: no user is named 'bob'; known users: anna\n")


def test_jobs_show_how_far_each_import_is_and_why_it_failed(myi: Myi, conn: psycopg.Connection) -> None:
    assert "no import yet" in myi("jobs").stderr
    add_anna(conn)
    conn.execute(JOB, ["one.zip", "1" * 64, "PROCESSING", None, None])
    conn.execute(JOB, ["two[/red].zip", "2" * 64, "FAILED", "two.zip: is truncated", "now"])
    shown = myi("jobs").stdout
    assert "one.zip" in shown
    assert "processing  25%" in shown
    assert "3 podcast" in shown
    assert "two[/red].zip" in shown
    assert "two.zip: is truncated" in shown
    assert "malformed" not in shown
    assert "one.zip" not in myi("jobs", "--limit", "1").stdout


def test_jobs_and_imports_call_rows_that_are_new_landed_and_events_that_are_new_added(myi: Myi, tmp_path: Path) -> None:
    (tmp_path / "history.json").write_text(export(40))
    words = [line.split()[:2] for line in myi("import", "history.json", "--user", "anna").stdout.splitlines()]
    assert ["landed", "40"] in words
    assert ["added", "36"] in words
    header, job = myi("jobs").stdout.splitlines()
    assert "added" not in header
    landed = header.index("landed")
    assert job[: landed + len("landed")].split()[-1] == "40"
    assert "36 added: listening events" in myi("jobs", "--notes", "1").stdout


def test_the_notes_of_a_job_are_shown_on_demand(myi: Myi, conn: psycopg.Connection) -> None:
    add_anna(conn)
    conn.execute(JOB, ["one.zip", "1" * 64, "COMPLETED", None, "now"])
    conn.execute(JOB, ["two.zip", "2" * 64, "COMPLETED", None, "now"])
    conn.execute("UPDATE import_jobs SET notes = '{a [b] of one,and two}' WHERE id = 1")
    result = myi("jobs")
    assert result.stderr == "`myi jobs --notes 1` shows the notes of job 1\n"
    assert result.stdout.split("\n")[2].split()[:2] == ["1", "one.zip"]
    assert "of one" not in result.stdout
    assert myi("jobs", "--notes", "1").stdout.splitlines()[-2:] == ["note: a [b] of one", "note: and two"]
    shown = myi("jobs", "--notes", "2").stdout.splitlines()
    assert shown[-1] == "Nothing was left out, and nothing looks odd."
    result = myi("jobs", "--notes", "3")
    assert (result.exit_code, result.stderr) == (1, "myi: there is no import job 3; `myi jobs` lists them\n")
