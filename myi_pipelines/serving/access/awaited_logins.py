"""`myi login` while the web server runs: Spotify sends the browser to the web server, which passes the answer on.

The answer is of no use to anybody but the login, which alone has the verifier.
"""

from __future__ import annotations

from datetime import timedelta

from myi_pipelines.serving.access.secrets import hash_of
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.statements import statement

LONGEST = 4_000


def await_login(conn: Connection, state: str, lasts: timedelta) -> None:
    """Say that a login waits for the answer with this state. ``conn`` is the owner's."""
    conn.execute(statement("access/await_login"), {"state_hash": hash_of(state), "lasts": lasts})


def answer_login(conn: Connection, state: str, query: str) -> bool:
    """Pass on the query of the address at which a browser has arrived; False where no login waits for it."""
    if len(query) > LONGEST:
        return False
    answered = conn.execute(statement("access/answer_login"), {"state_hash": hash_of(state), "answer": query})
    return answered.rowcount > 0


def take_answer(conn: Connection, state: str) -> str | None:
    """The query that was passed on, which is removed with the login's waiting; None while there is none."""
    row = conn.execute(
        "DELETE FROM awaited_logins WHERE state_hash = %s AND answer IS NOT NULL RETURNING answer", [hash_of(state)]
    ).fetchone()
    return str(row[0]) if row else None


def give_up(conn: Connection, state: str) -> None:
    """Wait no more."""
    conn.execute("DELETE FROM awaited_logins WHERE state_hash = %s", [hash_of(state)])
