"""Everything of one listener as files that other programs read: ``myi export``. What there is of a listener is
``warehouse.personal``'s business; here it becomes Parquet, CSV and JSON."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

from myi_pipelines.errors import InputError
from myi_pipelines.operations.parquet_store import Store
from myi_pipelines.warehouse import archive, personal_data
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.partitions import snapshot
from myi_pipelines.warehouse.personal_data import ExportedRows
from myi_pipelines.warehouse.user_months import UserMonth
from myi_pipelines.warehouse.users import user_named

FORMAT = 1
MANIFEST = "manifest.json"
ACCOUNT = "account.json"
IN_ACCOUNT = ("users", "user_settings", "spotify_auth", "poll_states", "possible_gaps", "import_jobs")
"""Small tables, told in one JSON file."""

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
"""Of the database's types; the others become text."""

Write: TypeAlias = Callable[[Sequence[tuple[Any, ...]]], None]

README = """\
# The Spotify history of {name}, as MYI keeps it

Written {when} UTC. Times are UTC; statistics are in {name}'s time zone, {timezone}. No token is in here.

| | |
|---|---|
| `plays.{suffix}` | start here: every play that counts, with the names of its track, artists and album |
| `account.json` | the account, its settings, the link to Spotify, imports, stretches that may lack plays |
| `tables/` | every table's rows of {name}, with the numbers that the files refer to each other by |
| `catalog/` | the tracks, artists and albums that they refer to |
| `manifest.json` | rows, bytes and SHA-256 of every file |

`tables/imported_plays` holds what Spotify's exports told, short plays too; `tables/polled_plays` what its API told.
`tables/listening_events` are the plays that count. What each table and column means is told in MYI's data model.
"""


class FolderNotEmpty(InputError):
    """The folder that is to be written holds something already."""


class ExportFormat(StrEnum):
    """What the rows are written as."""

    PARQUET = "parquet"
    CSV = "csv"


class ExportedFile(NamedTuple):
    """One file of an export."""

    file: str
    rows: int
    bytes: int
    sha256: str


def export_user(conn: Connection, store: Store, name: str, folder: Path, form: ExportFormat) -> list[ExportedFile]:
    """Write everything of a listener into a folder, as it is at one instant; return the files.

    The folder appears whole or not at all, for its owner's eyes only. Raises UnknownUser, FolderNotEmpty, and
    ArchiveDamaged where plays in the archive cannot be read.
    """
    user_id = user_named(conn, name)
    with new_folder(folder) as unfinished:
        personal_data.prepare_export(conn)
        with snapshot(conn):
            personal_data.begin_export(conn, user_id, _archived_rows(conn, store, user_id))
            writing = _Export(conn, unfinished, form)
            account: dict[str, list[dict[str, Any]]] = {}
            for table in personal_data.personal_tables(conn):
                if table.name in IN_ACCOUNT:
                    account[table.name] = _objects(personal_data.read_table(conn, table, user_id))
                elif not table.is_shadow:
                    writing.add(f"tables/{table}", personal_data.read_table(conn, table, user_id))
            for catalog in personal_data.CATALOG:
                writing.add(f"catalog/{catalog}", personal_data.read_catalog(conn, catalog, user_id))
            writing.add("plays", personal_data.read_plays(conn, user_id))
        _write_json(unfinished / ACCOUNT, account)
        now = datetime.now(UTC)
        readme = README.format(
            name=name, when=f"{now:%Y-%m-%d %H:%M}", timezone=account["user_settings"][0]["timezone"], suffix=form
        )
        (unfinished / "README.md").write_text(readme, encoding="utf-8")
        files = [
            *writing.files,
            told(unfinished, ACCOUNT, sum(map(len, account.values()))),
            told(unfinished, "README.md", 0),
        ]
        manifest = {
            "format": FORMAT,
            "user": name,
            "exported_at": now.isoformat(),
            "files": [file._asdict() for file in files],
        }
        _write_json(unfinished / MANIFEST, manifest)
    return files


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder to write into, which takes its place when the block ends well and is removed when it does not.

    Raises FolderNotEmpty.
    """
    folder = folder.absolute()
    require_empty(folder)
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    unfinished.mkdir(parents=True, mode=0o700)
    try:
        yield unfinished
        if folder.exists():
            folder.rmdir()
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def require_empty(folder: Path) -> None:
    """Raises FolderNotEmpty unless there is nothing where a folder is to be made."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FolderNotEmpty(f"{folder}: is there already; name a folder that is empty or does not exist")


def told(folder: Path, file: str, rows: int) -> ExportedFile:
    """What a manifest says of a file."""
    with (folder / file).open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return ExportedFile(file, rows, (folder / file).stat().st_size, digest)


def _archived_rows(conn: Connection, store: Store, user_id: int) -> Iterator[tuple[str, Iterator[tuple[Any, ...]]]]:
    """The listener's rows that lie in the archive, by table and part."""
    parts = {(part.month, part.part): part for part in archive.archived_parts(conn)}
    slices = [
        one for one in archive.archived_user_months(conn, sorted({month for month, _ in parts})) if one[0] == user_id
    ]
    for key in archive.parts_of_user_months(conn, [UserMonth(*one) for one in slices]):
        part = parts[key]
        store.check(part.folder, part.manifest_sha256)
        for table in archive.ARCHIVED_TABLES:
            batches = store.read_table(part.folder, table.name, archive.columns_of(conn, table), [user_id])
            yield table.name, (row for batch in batches for row in batch)


class _Export:
    """Writes files of one format into a folder and remembers them."""

    def __init__(self, conn: Connection, folder: Path, form: ExportFormat) -> None:
        self.files: list[ExportedFile] = []
        self._conn = conn
        self._folder = folder
        self._form = form

    def add(self, name: str, rows: ExportedRows) -> None:
        file = f"{name}.{self._form}"
        path = self._folder / file
        path.parent.mkdir(exist_ok=True, mode=0o700)
        count = 0
        with self._open(path, rows) as write:
            for batch in rows.batches:
                write(batch)
                count += len(batch)
        self.files.append(told(self._folder, file, count))

    def _open(self, path: Path, rows: ExportedRows) -> AbstractContextManager[Write]:
        if self._form is ExportFormat.CSV:
            return _csv_file(path, rows.columns)
        types = [_TYPES.get(self._type_name(number), pa.string()) for number in rows.types]
        return _parquet_file(path, pa.schema(list(zip(rows.columns, types, strict=True))))

    def _type_name(self, number: int) -> str:
        info = self._conn.adapters.types.get(number)
        if info is None:
            return "text"
        return f"_{info.name}" if number == info.array_oid else info.name


@contextmanager
def _csv_file(path: Path, columns: Sequence[str]) -> Iterator[Write]:
    """RFC 4180 with a header; times in ISO 8601, lists and objects as JSON, nothing for NULL."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)

        def write(rows: Sequence[tuple[Any, ...]]) -> None:
            writer.writerows([_text(value) for value in row] for row in rows)

        yield write


@contextmanager
def _parquet_file(path: Path, schema: pa.Schema) -> Iterator[Write]:
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:

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
