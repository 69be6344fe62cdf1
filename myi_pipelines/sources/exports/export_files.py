"""Read an upload (a ZIP, JSON or CSV file) as a listening history. Which of its files are read: see
`history_search`."""

import gc
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from io import BufferedReader
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Final, NamedTuple, Self, TypeVar

from myi_pipelines.sources.exports.batches import BatchBuilder, Member
from myi_pipelines.sources.exports.cleaning import printable_name
from myi_pipelines.sources.exports.export_errors import ExportError
from myi_pipelines.sources.exports.history_formats import Reader
from myi_pipelines.sources.exports.history_search import find_histories
from myi_pipelines.sources.exports.month_range import days_in, months_around
from myi_pipelines.sources.exports.plays import Batch
from myi_pipelines.sources.exports.zip_members import Limits, UnpackBudget

Item = TypeVar("Item")

DEFAULT_LIMITS: Final = Limits()

MAX_STRAY_VALUES: Final = 10_000
"""Numbers, texts or lists in the place of rows. A damaged history has a few."""

MAX_UNREADABLE_ROWS: Final = 50_000
"""Rows that cannot be read, before or without a play: three files of Spotify's, all of whose rows are bad."""

UNREADABLE_A_PLAY: Final = 10
"""How many more each play allows. A file may have more bad rows than good ones; it is not read for a few of them."""

BATCH_ROWS: Final = 2_500
"""A small number, so that much of a batch is still in the processor's cache when the batch is packed."""


class UnreadableFile(ExportError):
    """A file is missing, is a folder, or may not be read."""


class ChangedWhileRead(ExportError):
    """A file was written to, replaced, moved or deleted while it was read, so the rows may come from two files."""


class TooManyStrayValues(ExportError):
    """A file begins as a history, but goes on with something else."""


class TooManyUnreadableRows(ExportError):
    """The rows of a file look like those of a history, but hardly any can be read."""


class _FileSignature(NamedTuple):
    """Values that change when the file of a name is replaced or written to."""

    device: int
    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Self:
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


class Upload:
    """An open file that contains a listening history. A context manager; `open_upload` makes it.

    The rows can be read any number of times, in batches, each time from the start.
    """

    path: Path
    name: str
    """The file's name without its folder, safe to show and to store."""
    sha256: str
    """The hash of the file's bytes, in hex."""
    total_bytes: int
    """The unpacked size of all files that contain history."""
    format: str
    """The key of the format of all its files, or `mixed`."""
    members: tuple[str, ...]
    """The names of the files that contain history. For one that is no ZIP, its own name."""
    notes: tuple[str, ...]
    """One line for each kind of file in a ZIP that is not read. The first batch contains these notes too."""
    accounts: frozenset[bytes]
    """Hashes of the Spotify accounts that the files name, to be compared with those of other uploads in this process.
    Only old exports name any. Nothing else is known of them, and nobody can compute a hash again."""

    def __init__(self, path: Path, file: BufferedReader, limits: Limits) -> None:
        self.path = path
        self.name = printable_name(path.name)
        self._file = file
        self._limits = limits
        self._resources = ExitStack()
        self._resources.callback(file.close)
        self._signature = _FileSignature.of(os.fstat(file.fileno()))
        with self._resources, self._reading():
            found = find_histories(self.name, file, self._signature.size, limits, self._resources)
            file.seek(0)
            self.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            self._resources = self._resources.pop_all()
        self._sources, self.notes, self.accounts = found.sources, tuple(found.notes), found.accounts
        keys = {found.format.key for _, found in self._sources}
        self.format = keys.pop() if len(keys) == 1 else "mixed"
        self.members = tuple(source.label for source, _ in self._sources)
        self.total_bytes = sum(source.size for source, _ in self._sources)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, and remove temporary copies of what is in it."""
        self._resources.close()

    def batches(self, batch_rows: int = BATCH_ROWS, members: Iterable[int] | None = None) -> Iterator[Batch]:
        """Yield all rows in the order of the file, in batches of `batch_rows`; the last batch may have fewer rows.

        With `members` (numbers in `self.members`) yield the rows of those members only. The iterable is consumed one
        number at a time, so several readers can share the members of one file.

        Memory does not grow with the file. Raises ExportError as soon as it finds a fault in the file. Raises
        ChangedWhileRead, at the latest before the last batch, when the file is not the one that was opened. Keep
        nothing after either of them.
        """
        return without_garbage_collection(
            self._batches(batch_rows, range(len(self.members)) if members is None else members)
        )

    def _batches(self, batch_rows: int, members: Iterable[int]) -> Iterator[Batch]:
        batch_builder = BatchBuilder()
        for note in self.notes:
            batch_builder.note(note)
        readers: dict[str, Reader] = {}
        budget = self._new_budget()
        bytes_before = 0
        with self._reading():
            for number in members:
                source, found = self._sources[number]
                reader = readers.get(found.format.key)
                if reader is None:
                    reader = readers[found.format.key] = found.format.reader(batch_builder)
                member = Member(source.label, "video" in PurePosixPath(source.label).name.lower())
                row, stray = 1, 0
                with source.open(budget) as stream:
                    for chunk in found.layout.chunks(stream.read, reader.row_type, source.place):
                        rows, enter = (chunk.rows, reader.read) if chunk.rows else (chunk.untyped, reader.read_untyped)
                        stray += sum(not isinstance(value, dict | reader.row_type) for value in chunk.untyped)
                        if stray > MAX_STRAY_VALUES:
                            raise TooManyStrayValues(
                                f"{source.place}: more than {MAX_STRAY_VALUES:,} values are no rows of a history; "
                                "import the files as they were sent"
                            )
                        start = 0
                        while start < len(rows):
                            if batch_builder.rows == batch_rows:
                                self._require_unchanged()
                                yield batch_builder.close_batch(bytes_before + chunk.bytes_read)
                            some = rows[start : start + batch_rows - batch_builder.rows]
                            enter(some, member, row)
                            _require_readable(batch_builder, source.place)
                            start += len(some)
                            row += len(some)
                bytes_before += source.size
            self._require_unchanged()
            batch_builder.note_further_rows(self.name)
            yield batch_builder.close_batch(bytes_before)

    def month_range(self) -> tuple[date, date] | None:
        """The first and the last month of plays: perhaps too wide, never too narrow. None if unknown.

        Scans the bytes where the format allows it, which is several times faster than reading the rows. Reports no
        faults.
        """
        days: set[bytes] = set()
        months: set[date] = set()
        to_read: list[int] = []
        budget = self._new_budget()
        try:
            with self._reading():
                for number, (source, found) in enumerate(self._sources):
                    if found.format.day is None:
                        to_read.append(number)
                        continue
                    with source.open(budget) as stream:
                        days |= days_in(stream, found.format.day)
            for batch in self.batches(members=to_read) if to_read else ():
                months |= {play.played_at.date().replace(day=1) for play in batch.plays}
        except ExportError:
            return None
        months.update(months_around(days) or ())
        return (min(months), max(months)) if months else None

    def _new_budget(self) -> UnpackBudget:
        return UnpackBudget(self.name, self._signature.size, self._limits)

    def require_sha256(self, sha256: str) -> None:
        """Raises ChangedWhileRead when the file has other bytes than the one that another process has opened."""
        if self.sha256 != sha256:
            raise self._changed()

    def _require_unchanged(self) -> None:
        try:
            open_file, named_file = os.fstat(self._file.fileno()), self.path.stat()
            unchanged = _FileSignature.of(open_file) == self._signature == _FileSignature.of(named_file)
        except OSError:
            unchanged = False
        if not unchanged:
            raise self._changed()

    def _changed(self) -> ChangedWhileRead:
        return ChangedWhileRead(f"{self.name}: changed while it was being read; import it again when it is complete")

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Raise system errors as ExportError. Raise ChangedWhileRead for any error in a file that has changed."""
        try:
            yield
        except ExportError as error:
            try:
                self._require_unchanged()
            except ChangedWhileRead as change:
                raise change from error
            raise
        except OSError as error:
            raise _unreadable(self.path, error) from error


def open_upload(path: Path, limits: Limits = DEFAULT_LIMITS) -> Upload:
    """Open a ZIP or JSON file (also one packed with gzip), detect its format from its content, and find the history.

    Raises ExportError when the file cannot be read or contains no history. If the error `is_no_history`, the file is
    one that may lie beside histories. Faults further into the file are found when the rows are read.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise UnreadableFile(f"{printable_name(str(path))}: is not a file; name a ZIP or JSON file")
        file = path.open("rb")
    except OSError as error:
        raise _unreadable(path, error) from error
    return Upload(path, file, limits)


def without_garbage_collection(items: Iterator[Item]) -> Iterator[Item]:
    """Yield the same items, with Python's garbage collector off while each of them is made.

    A batch creates ten thousands of tuples that are in no cycle. Searching them for cycles again and again took a fifth
    of the time.
    """
    while True:
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            made = [next(items)]
        except StopIteration:
            return
        finally:
            if was_enabled:
                gc.enable()
        yield made.pop()  # keep no reference here, so that the caller's is the last


def _require_readable(batch_builder: BatchBuilder, place: str) -> None:
    unreadable, plays = batch_builder.unreadable_rows, batch_builder.all_plays
    if unreadable > MAX_UNREADABLE_ROWS + UNREADABLE_A_PLAY * plays:
        raise TooManyUnreadableRows(
            f"{place}: {unreadable:,} of the rows up to here cannot be read, and {plays:,} can; "
            "import the files as they were sent"
        )


def _unreadable(path: Path, error: OSError) -> UnreadableFile:
    reason = (error.strerror or type(error).__name__).lower()
    return UnreadableFile(f"{printable_name(str(path))}: cannot be read ({reason}); check its name and who may read it")
