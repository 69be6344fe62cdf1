"""The URL under which others read the warehouse: of a login that may read and do nothing else."""

import hashlib
import hmac

import psycopg
from psycopg import conninfo

from myi_pipelines.runtime.database_urls import with_user
from myi_pipelines.runtime.servers import servers_of
from myi_pipelines.settings import Settings
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.schema.reader import ReaderNotUsable, prepare_reader, reader_of, set_password

PURPOSE = b"myi: the login that reads the warehouse"


def reader_url(settings: Settings, conn: Connection) -> str:
    """The libpq URL of the warehouse for its reader, which is made, and may read, where that is not so yet.

    ``conn`` is the owner's. Where the owner logs in with a password, the reader's is derived from it: whoever knows the
    owner's needs no other, and the reader's tells nothing of the owner's. Raises ReaderNotUsable.
    """
    if settings.reader_database_url:
        role = str(conninfo.conninfo_to_dict(settings.reader_database_url).get("user") or "")
        if not role:
            raise ReaderNotUsable(
                "MYI_READER_DATABASE_URL names no user: postgresql://reader:password@host:5432/database"
            )
        prepare_reader(conn, role)
        return settings.reader_database_url
    role, password = reader_of(conn.info.user), _derived(conn.info.password)
    prepare_reader(conn, role, password)
    url = with_user(servers_of(settings).database_url, role, password)
    try:
        psycopg.connect(url, connect_timeout=10).close()
    except psycopg.OperationalError as error:
        if not password:
            raise ReaderNotUsable(
                f"{role} cannot log in ({' '.join(str(error).split())}): name a login that reads the warehouse in "
                "MYI_READER_DATABASE_URL"
            ) from None
        set_password(conn, role, password)  # The owner's has changed.
    return url


def _derived(password: str) -> str:
    return hmac.new(password.encode(), PURPOSE, hashlib.sha256).hexdigest() if password else ""
