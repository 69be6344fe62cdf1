import csv
import io
import json
import os
import subprocess
import sys

import psycopg
import pytest
from psycopg import sql

from myi_pipelines.settings import PROJECT
from myi_pipelines.warehouse.schema.reader import SECRET_TABLES
from myi_pipelines.warehouse.schema.tables import tables
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


def test_json_has_every_column_and_is_json_also_where_a_number_is_none(myi: Myi) -> None:
    query = (
        "SELECT 1 AS n, 2 AS n, 3 AS n_2, 4 AS n, 'NaN'::float8 AS a, 'NaN'::numeric AS b, '-Infinity'::float4 AS c,"
        " ARRAY['Infinity'::float8, 0.5] AS d"
    )
    found = json.loads(myi("sql", query, "--format", "json").stdout, parse_constant=pytest.fail)
    assert list(found[0].items()) == [
        *(("n", 1), ("n_3", 2), ("n_2", 3), ("n_4", 4)),
        *(("a", "NaN"), ("b", "NaN"), ("c", "-Infinity"), ("d", ["Infinity", 0.5])),
    ]


@pytest.mark.parametrize("format", ["table", "csv", "json"])
def test_dates_that_python_does_not_have_are_as_postgres_writes_them(myi: Myi, format: str) -> None:  # noqa: A002
    query = (
        "SELECT date '10000-01-01' AS a, timestamptz 'infinity' AS b, date '-infinity' AS c, date '0044-03-15 BC' AS d,"
        " time '24:00' AS e, interval '1 mon -1 days' AS f, timestamp '12345-01-01 00:00' AS g, ARRAY[date 'infinity']"
        " AS h, date '2024-02-29' AS i"
    )
    result = myi("sql", query, "--format", format)
    assert result.exit_code == 0, result.stderr
    written = ["10000-01-01", "infinity", "-infinity", "0044-03-15 BC", "24:00:00", "1 mon -1 days"]
    written.append("12345-01-01 00:00:00")
    if format == "json":
        assert list(json.loads(result.stdout)[0].values()) == [*written, ["infinity"], "2024-02-29"]
    elif format == "csv":
        assert next(csv.reader(result.stdout.splitlines()[1:])) == [*written, '["infinity"]', "2024-02-29"]
    else:
        assert result.stdout.splitlines()[1].split() == " ".join([*written, '["infinity"]', "2024-02-29"]).split()


def test_a_query_is_read_from_standard_input(myi: Myi) -> None:
    assert myi("sql", "-", "--format", "csv", stdin="SELECT 7 AS n").stdout == "n\n7\n"


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ("SELEC 1", 'myi: syntax error at or near "SELEC" (line 1, column 1)'),
        ("SELECT 1,\n  nam FROM users", 'myi: column "nam" does not exist (line 2, column 3); Perhaps you meant'),
        ("INSERT INTO users (name) VALUES ('x')", 'myi: syntax error at or near "INSERT" (line 1, column 1); a query'),
        ("DROP TABLE users CASCADE", 'myi: syntax error at or near "DROP"'),
        ("DO 'BEGIN END'", 'myi: syntax error at or near "DO"'),
        ("; DO 'BEGIN END'", 'myi: syntax error at or near ";"'),
        (";;COPY users TO PROGRAM 'true'", 'myi: syntax error at or near ";"'),
        ("COPY users TO PROGRAM 'true'", 'myi: syntax error at or near "COPY"'),
        ("COPY users FROM STDIN", 'myi: syntax error at or near "COPY"'),
        ("WITH x AS (DELETE FROM users RETURNING *) SELECT * FROM x", "myi: "),
        ("SELECT 1; DELETE FROM users", "myi: one statement at a time, please"),
        ("SELECT 1; COMMIT; DELETE FROM users", "myi: one statement at a time, please"),
        ("SET TRANSACTION READ WRITE", 'myi: syntax error at or near "SET"'),
        ("SELECT * INTO kept FROM users", "myi: "),
        ("SELECT * FROM users FOR UPDATE", "myi: cannot execute SELECT FOR UPDATE in a read-only transaction"),
        ("SELECT * FROM spotify_auth", "myi: permission denied for table spotify_auth"),
        ("SELECT pg_read_file('/etc/hostname')", "myi: permission denied for function pg_read_file"),
        ("SELECT pg_ls_dir('/')", "myi: permission denied for function pg_ls_dir"),
        ("SELECT pg_reload_conf()", "myi: permission denied for function pg_reload_conf"),
        ("SELECT lo_import('/etc/hostname')", "myi: permission denied for function lo_import"),
        ("SELECT pg_create_physical_replication_slot('x')", "myi: permission denied to use replication slots"),
        (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename <> session_user",
            "myi: permission denied",
        ),
        ("SELECT query_to_xml('DELETE FROM users', true, true, '')", "myi: "),
        ("SELECT nextval('users_id_seq')", "myi: permission denied for sequence users_id_seq"),
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


def test_whoever_reads_may_read_every_table_but_the_tokens(
    myi: Myi, conn: psycopg.Connection, database_url: str
) -> None:
    url = myi("url").stdout.strip()
    assert url != database_url
    assert myi("url", "--admin").stdout.strip() == database_url
    with psycopg.connect(url, autocommit=True) as reader:
        for table in sorted(set(tables()) - SECRET_TABLES):
            reader.execute(sql.SQL("SELECT FROM {} LIMIT 1").format(sql.Identifier(table)))
        reader.execute("SET default_transaction_read_only = off")  # What holds it is not this setting.
        for attempt in (
            "SELECT FROM spotify_auth",
            "SELECT FROM web_sessions",
            "SELECT FROM api_tokens",
            "SELECT FROM web_passwords",
            "SELECT FROM sign_in_links",
            "SELECT FROM awaited_logins",
            "SELECT FROM _yoyo_migration",
            "INSERT INTO users (name) VALUES ('x')",
            "UPDATE user_settings SET timezone = 'UTC'",
            "DELETE FROM listening_events",
            "TRUNCATE listening_events",
            "CREATE TABLE mine ()",
            "CREATE SCHEMA mine",
            "CREATE ROLE mine",
            "COPY users TO PROGRAM 'true'",
            "COPY users TO '/tmp/users'",
            "ALTER SYSTEM SET fsync = off",
            "SET ROLE myi",
            "GRANT myi TO CURRENT_USER",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "DO $$BEGIN EXECUTE 'DELETE FROM users'; END$$",
            "CREATE TEMPORARY TABLE mine ()",
            "CREATE TEMPORARY VIEW mine AS SELECT 1",
            "SELECT 1 INTO TEMPORARY mine",
            "SELECT lo_create(0)",
            "SELECT lo_creat(-1)",
            "SELECT lo_from_bytea(0, 'x')",
            "SELECT lo_import('/etc/hostname')",
            "SELECT pg_logical_emit_message(false, 'x', 'x')",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(attempt)


CALLABLE = """
SELECT DISTINCT proname FROM pg_proc
WHERE proname ~ '^lo_|^lo(read|write)$|emit' AND has_function_privilege(%s, oid, 'EXECUTE')
"""


def test_no_function_lets_the_reader_write_large_objects_or_the_log_of_changes(
    myi: Myi, conn: psycopg.Connection
) -> None:
    reader = psycopg.conninfo.conninfo_to_dict(myi("url").stdout.strip())["user"]
    assert {name for (name,) in conn.execute(CALLABLE, [reader])} == {
        "lo_close", "lo_get", "lo_lseek", "lo_lseek64", "lo_open", "lo_tell", "lo_tell64", "loread",
    }  # fmt: skip


@pytest.mark.parametrize("other", ["postgres", "template1"])
def test_the_reader_connects_to_no_other_database(myi: Myi, database_url: str, other: str) -> None:
    url, name = myi("url").stdout.strip(), psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(url.replace(f"/{name}", f"/{other}"))


@pytest.mark.parametrize("heal", [("url",), ("migrate",)])
def test_what_the_reader_changed_of_itself_is_taken_back(myi: Myi, database_url: str, heal: tuple[str]) -> None:
    url, name = myi("url").stdout.strip(), psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    with psycopg.connect(url, autocommit=True) as reader:
        reader.execute("SET default_transaction_read_only = off")
        reader.execute("ALTER ROLE CURRENT_USER SET statement_timeout = 0")
        reader.execute("ALTER ROLE CURRENT_USER SET work_mem = '1GB'")
        reader.execute(
            sql.SQL("ALTER ROLE CURRENT_USER IN DATABASE {} SET default_transaction_read_only = off").format(
                sql.Identifier(str(name))
            )
        )
    assert myi(*heal).exit_code == 0
    with psycopg.connect(url) as reader:
        settings = ("statement_timeout", "default_transaction_read_only")
        found = [reader.execute(f"SHOW {setting}").fetchone() for setting in settings]
        assert found == [("10min",), ("on",)]
        assert reader.execute("SHOW work_mem").fetchone() != ("1GB",)


def test_what_the_reader_gave_away_comes_back(myi: Myi) -> None:
    with psycopg.connect(myi("url").stdout.strip(), autocommit=True) as reader:
        reader.execute("SET default_transaction_read_only = off")
        reader.execute("DROP OWNED BY CURRENT_USER")
    assert myi("sql", "SELECT count(*) AS n FROM songs", "--format", "csv").stdout == "n\n0\n"


def test_what_a_migration_makes_is_readable_at_once(myi: Myi, conn: psycopg.Connection) -> None:
    assert myi("sql", "SELECT 1").exit_code == 0
    conn.execute("REVOKE SELECT ON songs FROM myi_reader")
    assert myi("sql", "SELECT count(*) AS n FROM songs", "--format", "csv").stdout == "n\n0\n"


def test_a_reader_that_can_do_more_is_refused(
    myi: Myi, conn: psycopg.Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MYI_READER_DATABASE_URL", database_url)
    result = myi("sql", "SELECT 1")
    assert result.exit_code == 1
    assert result.stderr.startswith("myi: the role myi can do more than read")


EVIL = "'a' || chr(27) || ']0;title' || chr(7) || chr(10) || chr(155) || '2J' || chr(8238)"


def test_a_name_moves_no_cursor_and_breaks_no_line(myi: Myi) -> None:
    shown = myi("sql", f"SELECT {EVIL} AS name").stdout
    assert shown.split("\n")[1].rstrip() == "a\ufffd]0;title\ufffd\ufffd\ufffd2J\ufffd"
    assert shown.count("\n") == 2


def test_a_name_that_is_a_formula_is_a_text_in_csv(myi: Myi) -> None:
    query = "SELECT '=HYPERLINK(\"x\")' AS a, '@x' AS b, '-1' AS c, -1 AS d, '1+1' AS e"
    shown = myi("sql", query, "--format", "csv").stdout
    assert list(csv.reader(io.StringIO(shown)))[1] == ['\'=HYPERLINK("x")', "'@x", "'-1", "-1", "1+1"]


@pytest.mark.parametrize("arguments", [["--timeout", "inf"], ["--timeout", "nan"], ["--timeout", "1e300"]])
def test_a_time_limit_that_is_none_is_one_line(myi: Myi, arguments: list[str]) -> None:
    result = myi("sql", "SELECT 1", *arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr
    assert "--timeout" in result.stderr


def test_arguments_that_are_not_utf_8_are_one_line() -> None:
    for name in (b"\xff", b"caf\xe9.zip", b"SELECT '\xff'"):
        arguments: list[str | bytes] = ["import", name, "--user", "anna"]
        done = subprocess.run(
            [sys.executable, "-c", "from myi_pipelines.cli import main; main()", *arguments],
            capture_output=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
        )
        assert done.returncode == 2
        assert done.stderr.startswith(b"myi: argument ")
        assert done.stderr.count(b"\n") == 1
