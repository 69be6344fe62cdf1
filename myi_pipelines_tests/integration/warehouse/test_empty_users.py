"""A user of whom there is nothing is removed; anything at all keeps a user."""

import pytest

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.personal_data import remove_if_empty
from myi_pipelines.warehouse.users import ensure_user

WAITS = "INSERT INTO import_jobs (user_id, file_name, sha256) VALUES (%s, 'x', repeat('a', 64))"
FAILED = (
    "INSERT INTO import_jobs (user_id, file_name, sha256, status, error_message, completed_at)"
    " VALUES (%s, 'x', repeat('a', 64), 'FAILED', 'x: is cut off', now())"
)


def test_failed_imports_and_settings_keep_nobody(conn: Connection) -> None:
    anna, bela = ensure_user(conn, "anna", "Europe/Berlin"), ensure_user(conn, "bela")
    conn.execute(FAILED, [anna])
    assert remove_if_empty(conn, anna)
    assert conn.execute("SELECT id FROM users").fetchall() == [(bela,)]


@pytest.mark.parametrize(
    "other",
    [
        WAITS,
        "INSERT INTO invalidated_user_months (user_id, month, stage) VALUES (%s, '2024-01-01', 'EVENTS')",
        "INSERT INTO web_passwords (user_id, argon2id) VALUES (%s, 'x')",
    ],
    ids=["import", "month", "password"],
)
def test_anything_else_keeps_a_user(conn: Connection, other: str) -> None:
    anna = ensure_user(conn, "anna")
    conn.execute(other.encode(), [anna])
    assert not remove_if_empty(conn, anna)
    assert conn.execute("SELECT id FROM users").fetchall() == [(anna,)]
