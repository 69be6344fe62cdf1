"""URLs of databases and Redis servers, changed for a purpose or made safe to show. Connects to nothing.

``psycopg.conninfo`` reads a URL but writes only ``key=value`` strings, which Dagster's storage does not take and the
settings do not allow. So a URL that is passed on is edited as a URL, and ``conninfo`` is used to read one.
"""

import re
from contextlib import suppress
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from psycopg import ProgrammingError, conninfo

_PASSWORD_IN_QUERY = re.compile(r"(?<=[?&]password=)[^&]*")


def sqlalchemy_url(url: str) -> str:
    """The same database for Dagster, whose storage needs the driver psycopg2 in the URL.

    SQLAlchemy uses psycopg 3 for a plain postgresql:// URL, and dagster-postgres then fails every run.
    """
    _, _, rest = url.partition("://")
    return f"postgresql+psycopg2://{rest}"


def celery_url(redis_url: str) -> str:
    """The same Redis database as Celery writes it, which differs for a Unix socket."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    database = dict(parse_qsl(parts.query)).get("db", "0")
    return f"redis+socket://{parts.path}?virtual_host={database}"


def with_schema(url: str, schema: str) -> str:
    """The same database with ``schema`` as the place where tables are created and found."""
    base, _, query = url.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    before = options.pop("options", "")
    options["options"] = f"{before} -csearch_path={schema}".strip()
    return f"{base}?{urlencode(options, quote_via=quote)}"


def with_user(url: str, user: str, password: str) -> str:
    """The same database for another user, whose password may be empty."""
    parts = urlsplit(url)
    _, _, hosts = parts.netloc.rpartition("@")
    login = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
    options = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if name not in ("user", "password", "passfile")
    ]
    query = urlencode(options, quote_via=quote)
    return f"{parts.scheme}://{login}@{hosts}{parts.path}" + (f"?{query}" if query else "")


def without_password(url: str) -> str:
    """A URL that may be shown."""
    password = urlsplit(url).password
    shown = url.replace(f":{password}@", ":…@", 1) if password else url
    return _PASSWORD_IN_QUERY.sub("…", shown)


def passwords_in(url: str) -> set[str]:
    """The password of a URL, as it is written there and as it is meant; empty when there is none."""
    written = urlsplit(url).password or ""
    found = {written, unquote(written)}
    if url.startswith("postgres"):
        with suppress(ProgrammingError):  # libpq does not understand the URL: connecting fails, and says why.
            found.add(str(conninfo.conninfo_to_dict(url).get("password") or ""))
    return found - {""}
