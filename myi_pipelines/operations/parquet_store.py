"""The archive's files: folders of Parquet with a manifest, on a disk or in an object store. It knows no database.

A folder holds one file a table, compressed with zstd, its rows by user and time, and ``manifest.json``, which is
written last and tells rows, bytes and checksum of every file, and which folders it takes the place of. On a disk only
the owner may read any of it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import fsspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem

from myi_pipelines.errors import DamagedError, UnavailableError
from myi_pipelines.private_files import make_private_folder, protect, protect_tree

FORMAT = 1
MANIFEST = "manifest.json"

Row: TypeAlias = tuple[Any, ...]


class ArchiveUnreachable(UnavailableError):
    """The place of the archive cannot be used."""


class ArchiveDamaged(DamagedError):
    """A folder of the archive is not what was written."""


class Sealed(NamedTuple):
    """A folder that is complete, verified by reading it back."""

    manifest_sha256: str
    bytes: int
    rows: Mapping[str, int]


class FolderManifest(NamedTuple):
    """What a complete folder says of itself."""

    month: date
    part: int
    replaces: Sequence[str]
    """The folders whose rows these are, less those of forgotten listeners; the oldest first."""
    sealed: Sealed


class PlayCount(NamedTuple):
    """How much of a table's file is one listener's."""

    rows: int
    total_ms: int
    """Milliseconds heard; 0 where the table has none."""


def _column(name: str, type_: pa.DataType, about: str, *, is_nullable: bool = False) -> pa.Field:
    return pa.field(name, type_, nullable=is_nullable, metadata={"comment": about})


_INSTANT = pa.timestamp("us", tz="UTC")
_LISTENER = _column("user_id", pa.int64(), "users.id")
_PLAYED_AT = _column("played_at", _INSTANT, "end of the play (UTC)")
_TRACK_NAME = _column("track_name", pa.string(), "the track's name, for people who read the file", is_nullable=True)

SCHEMAS: Mapping[str, pa.Schema] = {
    "imported_plays": pa.schema(
        [
            _LISTENER,
            _PLAYED_AT,
            _column(
                "stopped_at", _INSTANT, "the export's own ts (UTC); null where that is played_at", is_nullable=True
            ),
            _column("export_track_id", pa.int64(), "export_tracks.id"),
            _column("ms_played", pa.int32(), "milliseconds heard; null where the export gives none", is_nullable=True),
            _column("context_id", pa.int32(), "play_contexts.id; null marks account data", is_nullable=True),
            _column(
                "elapsed_s",
                pa.int32(),
                "seconds from the start to played_at; null: not given, -1: offline and not dated",
                is_nullable=True,
            ),
            _column("job_id", pa.int32(), "import_jobs.id that landed the row first", is_nullable=True),
            _column(
                "spotify_id", pa.string(), "of the track, as the export tells; null in account data", is_nullable=True
            ),
            _TRACK_NAME,
            _column("artist_name", pa.string(), "as the export tells", is_nullable=True),
            _column("album_name", pa.string(), "as the export tells", is_nullable=True),
        ],
        metadata={"comment": "One row per distinct track row of a listener's exports, short plays included."},
    ),
    "polled_plays": pa.schema(
        [
            _LISTENER,
            _PLAYED_AT,
            _column("spotify_id", pa.string(), "of the track"),
            _column("duration_ms", pa.int32(), "the track's length", is_nullable=True),
            _column("polled_at", _INSTANT, "when the play was first seen"),
            _column("context_type", pa.string(), "from what it was started: playlist, album, …", is_nullable=True),
            _column("context_uri", pa.string(), "Spotify URI of that", is_nullable=True),
        ],
        metadata={"comment": "One row per play that Spotify's recently-played list showed."},
    ),
    "listening_events": pa.schema(
        [
            _LISTENER,
            _PLAYED_AT,
            _column("id", pa.int64(), "kept when the row comes back"),
            _column("track_id", pa.int64(), "tracks.id"),
            _column("created_at", _INSTANT, "when the warehouse first knew of the play"),
            _column("ms_played", pa.int32(), "milliseconds heard"),
            _column("source", pa.string(), "API, IMPORT or SUBMISSION"),
            _column("is_estimated", pa.bool_(), "ms_played is the track's length"),
            _column("is_skip", pa.bool_(), "heard for under 30 seconds"),
            _column("context_id", pa.int32(), "play_contexts.id; null where unknown", is_nullable=True),
            _column("spotify_id", pa.string(), "of the track, null where it has none", is_nullable=True),
            _TRACK_NAME,
        ],
        metadata={"comment": "One row per play that counts."},
    ),
}
"""What the files hold: the tables' columns, and names for people who read them without the warehouse."""


class Store:
    """The place where archived months lie: a path, or a URL that fsspec knows, like ``s3://bucket/myi``.

    Raises ArchiveUnreachable when the URL's kind is not known or not installed.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            self._fs, self._root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise ArchiveUnreachable(
                f"MYI_ARCHIVE_URL={url!r}: {' '.join(str(error).split())}; use a folder, or a URL whose package for "
                "fsspec is installed (s3fs for s3://, gcsfs for gs://, adlfs for abfs://)"
            ) from None

    def write_table(self, folder: str, table: str, batches: Iterable[Sequence[Row]]) -> None:
        """Write a table's rows, which are in the order of its schema."""
        self._make(folder)
        with (
            self._fs.open(self._path(folder, f"{table}.parquet"), "wb") as file,
            pq.ParquetWriter(file, SCHEMAS[table], compression="zstd") as writer,
        ):
            for rows in batches:
                writer.write_batch(_batch(table, rows))

    def verify_table(self, folder: str, table: str, batches: Iterable[Sequence[Row]]) -> int:
        """Read a table back and compare it with the rows that it is to hold; return their number.

        Raises ArchiveDamaged unless both are equal, row for row.
        """
        rows = 0
        with self._parquet(folder, table) as file:
            written = (file.read_row_group(number) for number in range(file.num_row_groups))
            expected = (pa.Table.from_batches([_batch(table, some)]) for some in batches)
            for one, other in zip_longest(expected, written):
                if one is None or other is None or not one.equals(other.cast(SCHEMAS[table])):
                    raise ArchiveDamaged(f"{self._path(folder)}: {table}.parquet does not hold what was written")
                rows += one.num_rows
        return rows

    def seal(self, folder: str, rows: Mapping[str, int], about: Mapping[str, Any]) -> Sealed:
        """Write the manifest of a folder whose tables are written and verified, and have it all on the disk."""
        files = {table: self._file(folder, table, count) for table, count in rows.items()}
        manifest = {"format": FORMAT, **about, "tables": files}
        text = json.dumps(manifest, indent=2).encode()
        with self._fs.open(self._path(folder, MANIFEST), "wb") as file:
            file.write(text)
        self._flush(folder, [f"{table}.parquet" for table in rows])
        sealed = _sealed(text, manifest)
        self.check(folder, sealed.manifest_sha256)
        return sealed

    def folders(self) -> list[str]:
        """All folders that there are, complete or not, by name. Raises ArchiveUnreachable."""
        self._fs.invalidate_cache()
        try:
            months = [path for path in self._names("") if path.startswith("month=")]
            return sorted(f"{month}/{name}" for month in months for name in self._names(month))
        except OSError as error:
            why = error.strerror or " ".join(str(error).split())
            raise ArchiveUnreachable(f"{self.url} cannot be read: {why}; is MYI_ARCHIVE_URL right?") from None

    def manifest(self, folder: str) -> FolderManifest | None:
        """What a folder says of itself; None where it is not complete, or what it says cannot be read."""
        try:
            text = self._fs.cat_file(self._path(folder, MANIFEST))
            said = json.loads(text)
            month = date.fromisoformat(f"{said['month']}-01")
            return FolderManifest(month, said["part"], said.get("replaces", []), _sealed(text, said))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def protect(self) -> None:
        """On a disk, let only the owner read what an earlier version wrote for everybody."""
        if not isinstance(self._fs, LocalFileSystem):
            return
        for month in Path(self._root).glob("month=*"):
            deque(protect_tree(month), maxlen=0)

    def check(self, folder: str, manifest_sha256: str) -> None:
        """Raise ArchiveDamaged unless every file of a folder has the checksum that was recorded."""
        try:
            text = self._fs.cat_file(self._path(folder, MANIFEST))
            if hashlib.sha256(text).hexdigest() != manifest_sha256:
                raise ArchiveDamaged(f"{self._path(folder, MANIFEST)} is not the manifest that was written")
            for table, recorded in json.loads(text)["tables"].items():
                if self._sha256(folder, table) != recorded["sha256"]:
                    raise ArchiveDamaged(f"{self._path(folder, recorded['file'])} is damaged: its checksum is another")
        except FileNotFoundError:
            raise ArchiveDamaged(
                f"{self._path(folder)} is missing, or a file in it; is MYI_ARCHIVE_URL right?"
            ) from None

    def read_table(self, folder: str, table: str, columns: Sequence[str], users: Sequence[int]) -> Iterator[list[Row]]:
        """Some columns of some listeners' rows. Row groups without them are not read.

        A column that an earlier version did not write is null.
        """
        wanted = pa.array(sorted(users), pa.int64())
        for some in self._groups(folder, table, lambda low, high: any(low <= user <= high for user in users)):
            chosen = _as_written_now(table, some).filter(pc.is_in(some["user_id"], wanted)).select(list(columns))
            yield list(zip(*(column.to_pylist() for column in chosen.columns), strict=True))

    def rows_without(self, folder: str, table: str, users: Collection[int]) -> Iterator[list[Row]]:
        """All rows but some listeners', in order."""
        unwanted = pa.array(sorted(users), pa.int64())
        for some in self._groups(folder, table, lambda low, high: True):
            kept = _as_written_now(table, some).filter(pc.invert(pc.is_in(some["user_id"], unwanted)))
            if kept.num_rows:
                yield list(zip(*(column.to_pylist() for column in kept.columns), strict=True))

    def count_rows(self, folder: str, table: str, users: Collection[int]) -> int:
        """How many of a table's rows are some listeners'."""
        wanted = pa.array(sorted(users), pa.int64())
        groups = self._groups(
            folder, table, lambda low, high: any(low <= user <= high for user in users), columns=["user_id"]
        )
        return sum(pc.sum(pc.is_in(some["user_id"], wanted)).as_py() or 0 for some in groups)

    def count_by_user(self, folder: str, table: str) -> dict[int, PlayCount]:
        """How much of a table's file is whose."""
        has_length = "ms_played" in SCHEMAS[table].names
        columns = ["user_id", "ms_played"] if has_length else ["user_id"]
        counts: dict[int, PlayCount] = {}
        for some in self._groups(folder, table, lambda low, high: True, columns=columns):
            wanted = [("user_id", "count"), ("ms_played", "sum")] if has_length else [("user_id", "count")]
            for row in some.group_by("user_id").aggregate(wanted).to_pylist():
                known = counts.get(row["user_id"], PlayCount(0, 0))
                counts[row["user_id"]] = PlayCount(
                    known.rows + row["user_id_count"], known.total_ms + (row.get("ms_played_sum") or 0)
                )
        return counts

    def remove(self, folder: str) -> None:
        """Remove a folder, if it is there, and the month's when nothing else is in it."""
        with suppress(FileNotFoundError):
            self._fs.rm(self._path(folder), recursive=True)
        month = self._path(folder.rpartition("/")[0])
        with suppress(OSError):
            if not self._fs.ls(month, detail=False):
                self._fs.rmdir(month)

    def exists(self, folder: str) -> bool:
        """Whether there is anything in a folder."""
        return bool(self._fs.exists(self._path(folder)))

    def _names(self, folder: str) -> list[str]:
        """The names of what lies in a folder; none where there is no such folder."""
        path = self._path(folder) if folder else self._root
        try:
            return [entry.rstrip("/").rpartition("/")[2] for entry in self._fs.ls(path, detail=False)]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _make(self, folder: str) -> None:
        """Make a folder, on a disk for its owner only, with those above it that are missing."""
        if not isinstance(self._fs, LocalFileSystem):
            self._fs.makedirs(self._path(folder), exist_ok=True)
            return
        make_private_folder(Path(self._path(folder)))

    def _groups(
        self, folder: str, table: str, is_wanted: Callable[[int, int], bool], *, columns: list[str] | None = None
    ) -> Iterator[pa.Table]:
        with self._parquet(folder, table) as file:
            for number in range(file.num_row_groups):
                users = file.metadata.row_group(number).column(0).statistics
                if users is None or is_wanted(users.min, users.max):
                    try:
                        rows = file.read_row_group(number, columns=columns)
                    except (OSError, pa.ArrowException) as error:
                        raise _unreadable(self._path(folder, f"{table}.parquet"), error) from None
                    yield rows

    def _parquet(self, folder: str, table: str) -> pq.ParquetFile:
        path = self._path(folder, f"{table}.parquet")
        try:
            return pq.ParquetFile(self._fs.open(path, "rb"))
        except FileNotFoundError:
            raise ArchiveDamaged(f"{path} is missing; is MYI_ARCHIVE_URL right?") from None
        except pa.ArrowInvalid as error:
            raise _unreadable(path, error) from None

    def _file(self, folder: str, table: str, rows: int) -> dict[str, Any]:
        path = self._path(folder, f"{table}.parquet")
        return {
            "file": f"{table}.parquet",
            "rows": rows,
            "bytes": int(self._fs.size(path)),
            "sha256": self._sha256(folder, table),
            "columns": [
                {"name": field.name, "type": str(field.type), "comment": field.metadata[b"comment"].decode()}
                for field in SCHEMAS[table]
            ],
        }

    def _sha256(self, folder: str, table: str) -> str:
        with self._fs.open(self._path(folder, f"{table}.parquet"), "rb") as file:
            digest = hashlib.sha256()
            while block := file.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()

    def _flush(self, folder: str, files: Sequence[str]) -> None:
        """On a disk, let only the owner read the files, and wait until files and folders are on it: the database's
        rows go next."""
        if not isinstance(self._fs, LocalFileSystem):
            return
        for name in (*files, MANIFEST):
            protect(Path(self._path(folder, name)))
        above = folder
        folders = [self._path(folder)]
        while above:
            above = above.rpartition("/")[0]
            folders.append(self._path(above) if above else self._root)
        for path in [*(self._path(folder, name) for name in (*files, MANIFEST)), *folders]:
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def _path(self, *parts: str) -> str:
        return "/".join([self._root.rstrip("/"), *parts])


def _sealed(text: bytes, manifest: Mapping[str, Any]) -> Sealed:
    """What is known of a folder with this manifest."""
    files: Mapping[str, Any] = manifest["tables"]
    size = sum(file["bytes"] for file in files.values()) + len(text)
    rows = {table: int(file["rows"]) for table, file in files.items()}
    return Sealed(hashlib.sha256(text).hexdigest(), size, rows)


def _unreadable(path: str, error: Exception) -> ArchiveDamaged:
    return ArchiveDamaged(f"{path} cannot be read: {' '.join(str(error).split())}")


def _as_written_now(table: str, some: pa.Table) -> pa.Table:
    """Rows with the columns of the present schema, in its order."""
    schema = SCHEMAS[table]
    return pa.Table.from_arrays(
        [some[each.name] if each.name in some.column_names else pa.nulls(some.num_rows, each.type) for each in schema],
        names=schema.names,
    )


def _batch(table: str, rows: Sequence[Row]) -> pa.RecordBatch:
    schema = SCHEMAS[table]
    columns = zip(*rows, strict=True)
    return pa.RecordBatch.from_arrays(
        [pa.array(values, type=field.type) for values, field in zip(columns, schema, strict=True)], schema=schema
    )
