import csv
import io
import json

import psycopg
import pytest

from myi_pipelines_tests.support.cli_fixtures import Myi


def test_a_table_shows_null_as_a_dash(myi: Myi) -> None:
    result = myi("sql", "SELECT 1 AS one, NULL AS nothing, '[red]x' AS text, ARRAY[1, 2] AS list")
    assert result.stdout.split() == ["one", "nothing", "text", "list", "1", "–", "[red]x", "[1,", "2]"]


def test_csv_can_be_read_back(myi: Myi) -> None:
    result = myi("sql", "--format", "csv", """SELECT 'a,"b"' || chr(10) AS a, NULL AS b, true AS c""")
    assert list(csv.reader(io.StringIO(result.stdout))) == [["a", "b", "c"], ['a,"b"\n', "", "true"]]


def test_json_keeps_types(myi: Myi) -> None:
    query = "SELECT 1 AS i, 1.5::numeric AS n, NULL AS z, '{\"k\": [1]}'::jsonb AS j, date '2024-02-29' AS d"
    result = myi("sql", query, "--format", "json")
    assert json.loads(result.stdout) == [{"i": 1, "n": 1.5, "z": None, "j": {"k": [1]}, "d": "2024-02-29"}]


def test_a_query_is_read_from_standard_input(myi: Myi) -> None:
    assert myi("sql", "-", "--format", "csv", stdin="SELECT 7 AS n").stdout == "n\n7\n"


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ("SELEC 1", 'myi: syntax error at or near "SELEC" (line 1, column 1)'),
        ("SELECT 1,\n  nam FROM users", 'myi: column "nam" does not exist (line 2, column 3); Perhaps you meant'),
        ("INSERT INTO users (name) VALUES ('x')", "myi: cannot execute INSERT in a read-only transaction"),
        ("DROP TABLE users CASCADE", "myi: cannot execute DROP TABLE in a read-only transaction"),
        ("SELECT 1; DELETE FROM users", "myi: one statement at a time, please"),
        ("COMMIT; DELETE FROM users", "myi: one statement at a time, please"),
        ("COPY users FROM STDIN", "myi: COPY is not a query"),
        ("/* x */ copy users TO STDOUT", "myi: COPY is not a query"),
        ("SET TRANSACTION READ WRITE", "myi: "),
        ("", "myi: "),
    ],
)
def test_an_error_is_one_line_and_nothing_changes(myi: Myi, conn: psycopg.Connection, query: str, line: str) -> None:
    conn.execute("INSERT INTO users (name) VALUES ('anna')")
    result = myi("sql", query)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith(line)
    assert result.stderr.count("\n") == 1
    assert conn.execute("SELECT name FROM users").fetchall() == [("anna",)]


def test_a_long_query_is_given_up(myi: Myi) -> None:
    result = myi("sql", "SELECT pg_sleep(30)", "--timeout", "0.1")
    assert result.exit_code == 1
    assert result.stderr == "myi: canceling statement due to statement timeout; allow it more with --timeout SECONDS\n"
