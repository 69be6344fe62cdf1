from pathlib import Path

import psycopg
import pytest

from myi_pipelines_tests.support.cli_fixtures import Myi
from myi_pipelines_tests.support.dagster_harness import export

pytestmark = pytest.mark.slow


def test_months_are_archived_listed_and_restored(myi: Myi, conn: psycopg.Connection, tmp_path: Path) -> None:
    (tmp_path / "history.json").write_text(export(40))
    done = myi("import", "history.json", "--user", "anna")
    assert done.exit_code == 0, done.stderr
    before = conn.execute("SELECT e::text FROM listening_events AS e ORDER BY id").fetchall()
    assert "the archive is empty" in myi("archive", "--list").stderr

    done = myi("archive", "--keep-months", "12")

    assert (done.exit_code, done.stdout.split(" archived")[0]) == (0, "2 months"), done.stderr
    assert conn.execute("SELECT count(*) FROM listening_events").fetchone() == (0,)
    assert [line.split()[0] for line in myi("archive", "--list").stdout.splitlines()] == ["month", "2023-11", "2023-12"]
    back = myi("unarchive", "2023-11", "2023-12")
    assert back.stdout == "plays of 2 user-months restored\n", back.stderr
    assert conn.execute("SELECT e::text FROM listening_events AS e ORDER BY id").fetchall() == before
    assert "nothing of these months is in the archive" in myi("unarchive", "2023-11").stderr


def test_without_a_retention_nothing_is_archived_and_the_message_says_what_to_try(myi: Myi) -> None:
    result = myi("archive")
    assert result.exit_code == 1
    assert result.stderr == (
        "myi: MYI_RETENTION_MONTHS is not set, so everything stays; try `myi archive --keep-months 24`\n"
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("March", "'March' is not a month; write it like 2019-03"),
        ("2024-13", "'2024-13' is not a month"),
        ("2024-03x", "'2024-03x' is not a month"),
        ("2024-03-05", "'2024-03-05' is a day, and whole months are restored: write 2024-03"),
    ],
)
def test_an_argument_that_is_not_a_month_is_named(myi: Myi, text: str, line: str) -> None:
    result = myi("unarchive", text)
    assert result.exit_code == 2
    assert line in " ".join(result.stderr.split())


def test_deriving_again_says_what_it_will_do_asks_and_reaches_archived_months(
    myi: Myi, conn: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "there are no plays yet" in myi("rederive").stderr
    (tmp_path / "history.json").write_text(export(40))
    assert myi("import", "history.json", "--user", "anna").exit_code == 0
    assert myi("archive", "--keep-months", "12").exit_code == 0
    monkeypatch.setenv("MYI_MIN_PLAY_MS", "30000")
    asked = myi("rederive", stdin="n\n")
    assert asked.exit_code == 1
    for line in (
        "a play counts from 30,000 ms on (MYI_MIN_PLAY_MS)",
        "2 user-months of 1 user will be derived again",
        "the plays of 2 user-months are in the archive and will be restored first",
        "nothing was changed",
    ):
        assert line in asked.stderr
    done = myi("rederive", "--user", "ANNA", "--yes")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines()[-1].split() == ["anna", "36", "27", "0", "0"]
    assert conn.execute("SELECT total_play_count FROM users").fetchone() == (27,)
    assert myi("verify").stdout == "no difference in 2 user-months of 1 user\n"


def test_a_hold_for_ever_is_one_line(myi: Myi) -> None:
    result = myi("unarchive", "2019-03", "--hold-days", "99999999999")
    assert result.exit_code == 2
    assert "Traceback" not in result.output
