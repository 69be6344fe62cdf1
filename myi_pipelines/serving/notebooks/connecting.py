"""The way of a notebook into the warehouse: always as a login that can only read, whatever address is given."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from myi_pipelines.errors import ConfigurationError, InputError
from myi_pipelines.runtime.reader import reader_url
from myi_pipelines.runtime.servers import POSTGRES, embedded_servers, servers_of, start_servers
from myi_pipelines.serving.notebooks.frames import Backend
from myi_pipelines.serving.notebooks.listening import Listening
from myi_pipelines.serving.notebooks.reader import Reader, open_reader
from myi_pipelines.serving.queries.listeners import listeners
from myi_pipelines.settings import Settings, load_settings
from myi_pipelines.warehouse.database.connections import Connection, fetch_scalar
from myi_pipelines.warehouse.schema.logins import exists
from myi_pipelines.warehouse.schema.migrations import migrate, pending_migrations
from myi_pipelines.warehouse.schema.reader import ReaderNotUsable
from myi_pipelines.warehouse.users import known_user

_OWNS = (
    "SELECT coalesce(pg_get_userbyid(relowner) = current_user, false) FROM pg_class WHERE oid = to_regclass('users')"
)


class NoWarehouse(ConfigurationError):
    """There is no warehouse where one is looked for."""


class SchemaNotCurrent(ConfigurationError):
    """The warehouse's schema is of an earlier version."""


class SeveralListeners(InputError):
    """It is not said whose plays are meant."""


def connect(
    user: str | None = None,
    *,
    url: str | None = None,
    home: str | Path | None = None,
    dtype_backend: Backend = None,
) -> Listening:
    """What a listener played, as DataFrames. Without a name, the only listener.

    It reads the warehouse of ``url`` (``postgresql://…``), or of the settings: ``MYI_READER_DATABASE_URL``,
    ``MYI_DATABASE_URL``, or the embedded server in ``home`` (``MYI_HOME``), which is started if it does not run. The
    login is the one of ``myi url``, which can do nothing but read; an owner's URL is used to find it and for nothing
    else.

    Raises NoWarehouse, ServerUnreachable, SchemaNotCurrent, UnknownUser, SeveralListeners, SettingsError,
    ReaderNotUsable for a login that can do more than read, and ValueError for another ``dtype_backend``.
    """
    if dtype_backend not in (None, "pyarrow"):
        raise ValueError(f"dtype_backend={dtype_backend!r}: expected 'pyarrow' or None")
    reader = Reader(_reader_url(url, home))
    with reader.reading() as conn:
        name = known_user(conn, user).name if user is not None else _only_listener(conn)
    return Listening(reader, name, dtype_backend=dtype_backend)


def _only_listener(conn: Connection) -> str:
    found = [one.name for one in listeners(conn, each=20)]
    if not found:
        raise NoWarehouse("the warehouse has no listener yet: `myi import PATH --user NAME`")
    if len(found) > 1:
        raise SeveralListeners(f"say whose plays: connect({found[0]!r}); there are {', '.join(found)}")
    return found[0]


def _reader_url(url: str | None, home: str | Path | None) -> str:
    """The URL under which the warehouse is read. Raises as ``connect``."""
    if url is not None:
        settings = load_settings(database_url=url, reader_database_url="")
    elif home is not None:
        settings = load_settings(home=home, database_url="", database_password="", reader_database_url="")
    else:
        settings = load_settings()
        if settings.reader_database_url:
            with closing(open_reader(settings.reader_database_url)) as conn:
                _require_reader(conn)
            return settings.reader_database_url
    if cluster := embedded_servers(settings).get(POSTGRES):
        if not (cluster.folder / "PG_VERSION").exists():
            raise NoWarehouse(
                f"there is no warehouse in {settings.home}: connect(home=…) names the MYI_HOME of one, "
                "connect(url=…) the address that `myi url` prints"
            )
        start_servers(settings, [POSTGRES])
        migrate(servers_of(settings).database_url)
    return _reader_by(settings)


def _reader_by(settings: Settings) -> str:
    """The reader's URL by a login that is the owner or can only read."""
    url = servers_of(settings).database_url
    with closing(open_reader(url)) as conn:
        is_owner = conn.execute(_OWNS).fetchone()
        if is_owner is None:
            raise NoWarehouse(f"the database {conn.info.dbname} holds no warehouse: `myi migrate` makes one")
        if not is_owner[0]:
            _require_reader(conn)
            return url
        if pending := pending_migrations(url):
            raise SchemaNotCurrent(
                f"the warehouse lacks {len(pending)} migrations of this version: `myi migrate`, or `pip install` the "
                "version that runs there"
            )
        return reader_url(settings, conn)


def _require_reader(conn: Connection) -> None:
    """Raise ReaderNotUsable for a login that can do more than read, or may not read the warehouse."""
    if not exists(conn, conn.info.user):
        raise ReaderNotUsable(
            f"the login {conn.info.user} can do more than read: take the address that `myi url` prints"
        )
    if not fetch_scalar(conn, "SELECT coalesce(has_table_privilege(to_regclass('listening_events'), 'SELECT'), false)"):
        raise ReaderNotUsable(f"the login {conn.info.user} may not read the warehouse: `myi url` lets the reader")
