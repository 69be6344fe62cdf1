"""The named statements under ``sql/``."""

from __future__ import annotations

import re
from functools import cache

from psycopg import sql

from myi_pipelines.package_files import package_path

SQL_FOLDER = package_path("sql")
_INCLUDED = re.compile(r"\{(\w+/\w+)\}")


@cache
def statement(name: str) -> sql.SQL:
    """The statement of ``sql/<name>.sql``, for example ``statement("events/insert")``.

    In the file, ``{folder/name}`` stands for the statement of another file.
    """
    return sql.SQL(_text(name))


def _text(name: str) -> str:
    text = (SQL_FOLDER / f"{name}.sql").read_text(encoding="utf-8").rstrip()
    return _INCLUDED.sub(lambda found: _text(found[1]), text)
