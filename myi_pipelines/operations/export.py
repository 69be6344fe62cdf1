"""All data of one user, or their plays alone, as files that other programs read: `myi export`. Which rows belong to a
user is in ``warehouse.personal_data``; here they become Parquet, CSV and JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

from myi_pipelines.operations import listens
from myi_pipelines.operations.output_folder import WrittenFile, new_folder, written_file
from myi_pipelines.operations.parquet_store import Store
from myi_pipelines.private_files import make_private_folder
from myi_pipelines.sources.exports import HISTORY, TABLE_KEY
from myi_pipelines.text import csv_cell, minute_utc
from myi_pipelines.warehouse import archive, personal_data
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.partitions import MONTH_TABLES, snapshot
from myi_pipelines.warehouse.personal_data import ExportedRows
from myi_pipelines.warehouse.users import known_user

FORMAT = 1
MANIFEST = "manifest.json"
ACCOUNT = "account.json"
IN_ACCOUNT = (
    *("users", "user_settings", "spotify_auth", "poll_states", "possible_gaps", "import_jobs", "corrections"),
    *("web_sessions", "api_tokens", "sign_in_links", "web_passwords", "playing_now"),
)
"""Small tables, written into one JSON file."""

_INSTANT = pa.timestamp("us", tz="UTC")
_TYPES: Mapping[str, pa.DataType] = {
    "int2": pa.int16(),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "float4": pa.float32(),
    "float8": pa.float64(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "timestamptz": _INSTANT,
    "_text": pa.list_(pa.string()),
}
"""By type of the database; the others become text."""

Write: TypeAlias = Callable[[Sequence[tuple[Any, ...]]], None]
Account: TypeAlias = dict[str, list[dict[str, Any]]]
"""Rows of the tables of IN_ACCOUNT."""

README = """\
# The Spotify history of {name}, as MYI keeps it

Written {when}. Times are UTC; statistics are in {name}'s time zone, {timezone}. It contains no token.

| | |
|---|---|
| `plays.{suffix}` | start here: every play that counts, with the names of its track, artists and album |
| `episodes.{suffix}` | every play that is not music: podcasts, audiobooks, videos, and what Spotify does not name |
{history}| `account.json` | the account, settings, the link to Spotify, imports, corrections, periods without plays |
| `tables/` | the rows of {name} in every table, with the ids by which the files refer to one another |
| `catalog/` | the tracks, songs, artists and albums that they refer to |
| `manifest.json` | rows, bytes and SHA-256 of every file |

`tables/imported_plays` has the plays of Spotify's exports, short ones too; `tables/polled_plays` those of its API.
`tables/listening_events` has the plays that count. MYI's data model describes each table and column.
"""


_HISTORY_LINE = f"""\
| `{HISTORY}` | what `myi import` reads: every play as its source gave it, short ones too, with how it was heard |
"""


class ExportFormat(StrEnum):
    """The format of the files with rows."""

    PARQUET = "parquet"
    CSV = "csv"
    LISTENBRAINZ = "listenbrainz"
    """The plays alone, as the export of ListenBrainz has them."""
    LAST_FM = "lastfm"
    """The plays alone, as tools write them of Last.fm."""


def export_user(conn: Connection, store: Store, name: str, folder: Path, form: ExportFormat) -> list[WrittenFile]:
    """Write all data of a user into a folder, or their plays alone, as it is at one instant; return the files.

    The folder appears whole or not at all, readable for its owner only. Raises UnknownUser, FolderNotEmpty, and
    ArchiveDamaged where plays in the archive cannot be read.
    """
    user_id, name = known_user(conn, name)
    with new_folder(folder) as unfinished:
        personal_data.prepare_export(conn)
        writer = _Writer(conn, unfinished, form)
        with snapshot(conn):
            personal_data.begin_export(conn, user_id, _archived_rows(conn, store, user_id))
            if form in (ExportFormat.LISTENBRAINZ, ExportFormat.LAST_FM):
                return _write_listens(conn, unfinished, user_id, name, form)
            account = _write_tables(conn, writer, user_id)
        now = datetime.now(UTC)
        _write_json(unfinished / ACCOUNT, account)
        (unfinished / "README.md").write_text(_readme(name, account, form, now), encoding="utf-8")
        files = [
            *writer.files,
            written_file(unfinished, ACCOUNT, sum(map(len, account.values()))),
            written_file(unfinished, "README.md", 0),
        ]
        manifest = {"format": FORMAT, "user": name, "exported_at": now.isoformat()}
        _write_json(unfinished / MANIFEST, {**manifest, "files": [file._asdict() for file in files]})
    return files


def _write_listens(conn: Connection, folder: Path, user_id: int, name: str, form: ExportFormat) -> list[WrittenFile]:
    """Write a user's plays as another service has them."""
    rows = (listens.Listen(*row) for batch in personal_data.read_listens(conn, user_id).batches for row in batch)
    is_lines = form is ExportFormat.LISTENBRAINZ
    written = listens.write_lines(folder, name, rows) if is_lines else listens.write_table(folder, rows)
    return [written_file(folder, file, count) for file, count in written]


def _write_tables(conn: Connection, writer: _Writer, user_id: int) -> Account:
    """Write a user's rows, table by table; those of the small tables are returned for the account's file."""
    account: Account = {}
    for table in personal_data.personal_tables(conn):
        if table.name in IN_ACCOUNT:
            account[table.name] = _objects(personal_data.read_table(conn, table, user_id))
        elif not table.is_shadow:
            writer.add(f"tables/{table}", personal_data.read_table(conn, table, user_id))
    for catalog in personal_data.CATALOG:
        writer.add(f"catalog/{catalog}", personal_data.read_catalog(conn, catalog, user_id))
    writer.add("plays", personal_data.read_plays(conn, user_id))
    writer.add("episodes", personal_data.read_episodes(conn, user_id))
    if writer.form is ExportFormat.PARQUET:
        writer.add(HISTORY.removesuffix(".parquet"), personal_data.read_history(conn, user_id))
    return account


def is_plays(file: str) -> bool:
    """Whether a file of an export has plays, once each."""
    return file.startswith(("plays.", "listens/", listens.TABLE))


def _readme(name: str, account: Account, form: ExportFormat, now: datetime) -> str:
    timezone = account["user_settings"][0]["timezone"]
    history = _HISTORY_LINE if form is ExportFormat.PARQUET else ""
    return README.format(name=name, when=minute_utc(now), timezone=timezone, suffix=form, history=history)


def _archived_rows(conn: Connection, store: Store, user_id: int) -> Iterator[tuple[str, Iterator[tuple[Any, ...]]]]:
    """The user's rows in the archive, by table and part."""
    parts = {(part.month, part.part): part for part in archive.archived_parts(conn)}
    months = sorted({month for month, _ in parts})
    user_months = [one for one in archive.archived_user_months(conn, months) if one.user_id == user_id]
    for key in archive.parts_of_user_months(conn, user_months):
        part = parts[key]
        store.check(part.folder, part.manifest_sha256)
        for table in MONTH_TABLES:
            batches = store.read_table(part.folder, table.name, archive.columns_of(conn, table), [user_id])
            yield table.name, (row for batch in batches for row in batch)


class _Writer:
    """Writes files of one format into a folder and remembers them."""

    def __init__(self, conn: Connection, folder: Path, form: ExportFormat) -> None:
        self.files: list[WrittenFile] = []
        self.form = form
        self._conn = conn
        self._folder = folder

    def add(self, name: str, rows: ExportedRows) -> None:
        file = f"{name}.{self.form}"
        path = self._folder / file
        make_private_folder(path.parent)
        count = 0
        with self._open(path, name, rows) as write:
            for batch in rows.batches:
                write(batch)
                count += len(batch)
        self.files.append(written_file(self._folder, file, count))

    def _open(self, path: Path, name: str, rows: ExportedRows) -> AbstractContextManager[Write]:
        if self.form is ExportFormat.CSV:
            return _csv_file(path, rows.columns)
        types = [_TYPES.get(self._type_name(number), pa.string()) for number in rows.types]
        return _parquet_file(path, pa.schema(list(zip(rows.columns, types, strict=True)), {TABLE_KEY: name.encode()}))

    def _type_name(self, number: int) -> str:
        info = self._conn.adapters.types.get(number)
        if info is None:
            return "text"
        return f"_{info.name}" if number == info.array_oid else info.name


@contextmanager
def _csv_file(path: Path, columns: Sequence[str]) -> Iterator[Write]:
    """RFC 4180 with a header; times in ISO 8601, lists and objects as JSON, nothing for NULL, no formulas."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)

        def write(rows: Sequence[tuple[Any, ...]]) -> None:
            writer.writerows([_cell(value) for value in row] for row in rows)

        yield write


def _cell(value: Any) -> Any:
    return csv_cell(value) if isinstance(value, str) else _text(value)


@contextmanager
def _parquet_file(path: Path, schema: pa.Schema) -> Iterator[Write]:
    with pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True) as writer:

        def write(rows: Sequence[tuple[Any, ...]]) -> None:
            columns = [
                pa.array([_text(value) for value in values] if field.type == pa.string() else values, type=field.type)
                for values, field in zip(zip(*rows, strict=True), schema, strict=True)
            ]
            writer.write_batch(pa.record_batch(columns, schema=schema))

        yield write


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, bool | dict | list):
        return json.dumps(value, ensure_ascii=False, default=_plain)
    return str(value)


def _objects(rows: ExportedRows) -> list[dict[str, Any]]:
    return [dict(zip(rows.columns, row, strict=True)) for batch in rows.batches for row in batch]


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2, default=_plain) + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
