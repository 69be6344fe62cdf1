"""Passwords, kept as Argon2id. ``user_id`` None means the operator. Every function takes the keeper's connection."""

from __future__ import annotations

import os
import threading
from functools import cache

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from myi_pipelines.errors import InputError
from myi_pipelines.warehouse.database.connections import Connection, fetch_scalar
from myi_pipelines.warehouse.database.statements import statement

SHORTEST, LONGEST = 10, 1_000
"""Characters."""
MEMORY_KIB, ITERATIONS, LANES = 47_104, 1, 1
"""What OWASP recommends: 46 MiB, about 50 ms."""
AT_ONCE = threading.BoundedSemaphore(2)
"""Whoever sends many passwords takes no more than two processors and 92 MiB."""


class PasswordRefused(InputError):
    """A password cannot be set as given."""


def set_password(conn: Connection, user_id: int | None, password: str) -> None:
    """Set somebody's password. Raises PasswordRefused."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise PasswordRefused(f"a password has {SHORTEST} characters or more: a few words that belong to no song")
    conn.execute(statement("access/set_password"), {"user_id": user_id, "argon2id": _hashed(password).encode()})


def remove_password(conn: Connection, user_id: int | None) -> bool:
    """Let nobody sign in by somebody's password any more; False where there is none."""
    removed = conn.execute("DELETE FROM web_passwords WHERE user_id IS NOT DISTINCT FROM %s", [user_id])
    return removed.rowcount > 0


def has_password(conn: Connection, user_id: int | None) -> bool:
    """Whether somebody has a password."""
    found = "SELECT EXISTS (SELECT FROM web_passwords WHERE user_id IS NOT DISTINCT FROM %s)"
    return bool(fetch_scalar(conn, found, [user_id]))


def has_any_password(conn: Connection) -> bool:
    """Whether anybody can sign in by a password."""
    return bool(fetch_scalar(conn, "SELECT EXISTS (SELECT FROM web_passwords)"))


def is_password(conn: Connection, user_id: int | None, password: str) -> bool:
    """Whether this is somebody's password. Takes as long for whoever has none."""
    row = conn.execute("SELECT argon2id FROM web_passwords WHERE user_id IS NOT DISTINCT FROM %s", [user_id]).fetchone()
    return is_hash_of(bytes(row[0]).decode() if row else None, password)


def is_hash_of(hashed: str | None, password: str) -> bool:
    """Whether a hash is that of a password. Without a hash it is not, and that takes as long to find out."""
    if not 0 < len(password) <= LONGEST:
        return False
    with AT_ONCE:
        try:
            Argon2id.verify_phc_encoded(_bytes(password), hashed or _nobodys())
        except InvalidKey:
            return False
    return hashed is not None


@cache
def _nobodys() -> str:
    return _hashed(os.urandom(32).hex())


def _hashed(password: str) -> str:
    kdf = Argon2id(salt=os.urandom(16), length=32, iterations=ITERATIONS, lanes=LANES, memory_cost=MEMORY_KIB)
    return kdf.derive_phc_encoded(_bytes(password))


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
