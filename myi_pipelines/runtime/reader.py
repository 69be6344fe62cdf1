"""The URLs of logins that can do one thing only: the reader's, under which others read the warehouse, and the keeper's,
under which the web server keeps sessions and tokens."""

import hashlib
import hmac

import psycopg
from psycopg import conninfo

from myi_pipelines.runtime.database_urls import with_user
from myi_pipelines.runtime.servers import servers_of
from myi_pipelines.settings import Settings
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.schema.keeper import keeper_of, prepare_keeper
from myi_pipelines.warehouse.schema.logins import LoginNotUsable, set_password
from myi_pipelines.warehouse.schema.reader import prepare_reader, reader_of

READER_PURPOSE = b"myi: the login that reads the warehouse"
KEEPER_PURPOSE = b"myi: the login that keeps sessions"


def reader_url(settings: Settings, conn: Connection) -> str:
    """The libpq URL of the warehouse for its reader, which is made, and may read, where that is not so yet.

    ``conn`` is the owner's. Where the owner logs in with a password, the reader's is derived from it: whoever knows the
    owner's needs no other, and the reader's tells nothing of the owner's. Raises LoginNotUsable.
    """
    if settings.reader_database_url:
        prepare_reader(conn, _user_of(settings.reader_database_url, "MYI_READER_DATABASE_URL", "reader"))
        return settings.reader_database_url
    password = _derived(conn.info.password, READER_PURPOSE)
    role = reader_of(conn.info.user)
    prepare_reader(conn, role, password)
    return _working_url(settings, conn, role, password, "reads the warehouse in MYI_READER_DATABASE_URL")


def keeper_url(settings: Settings, conn: Connection) -> str:
    """The libpq URL of the warehouse for its keeper, made as the reader's. Raises LoginNotUsable."""
    if settings.keeper_database_url:
        prepare_keeper(conn, _user_of(settings.keeper_database_url, "MYI_KEEPER_DATABASE_URL", "keeper"))
        return settings.keeper_database_url
    password = _derived(conn.info.password, KEEPER_PURPOSE)
    role = keeper_of(conn.info.user)
    prepare_keeper(conn, role, password)
    return _working_url(settings, conn, role, password, "keeps sessions in MYI_KEEPER_DATABASE_URL")


def _user_of(url: str, setting: str, example: str) -> str:
    role = str(conninfo.conninfo_to_dict(url).get("user") or "")
    if not role:
        raise LoginNotUsable(f"{setting} names no user: postgresql://{example}:password@host:5432/database")
    return role


def _working_url(settings: Settings, conn: Connection, role: str, password: str, purpose: str) -> str:
    url = with_user(servers_of(settings).database_url, role, password)
    try:
        psycopg.connect(url, connect_timeout=10).close()
    except psycopg.OperationalError as error:
        if not password:
            raise LoginNotUsable(
                f"{role} cannot log in ({' '.join(str(error).split())}): name a login that {purpose}"
            ) from None
        set_password(conn, role, password)  # The owner's has changed.
    return url


def _derived(password: str, purpose: bytes) -> str:
    return hmac.new(password.encode(), purpose, hashlib.sha256).hexdigest() if password else ""
