"""An upload, which is one ZIP or JSON file, read as a listening history; and the errors of the file as a whole."""

import gc
import hashlib
import os
import re
import stat
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from io import BufferedReader
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, BinaryIO, Final, Literal, NamedTuple, Self, TypeVar

import msgspec

from myi_pipelines.sources.exports.account_data import AccountReader
from myi_pipelines.sources.exports.batches import BatchBuilder, Member
from myi_pipelines.sources.exports.cleaning import printable
from myi_pipelines.sources.exports.errors import HistoryError
from myi_pipelines.sources.exports.extended_history import ExtendedReader
from myi_pipelines.sources.exports.format_detection import Content, Recognized, detect_format
from myi_pipelines.sources.exports.json_stream import NotAnArray, row_chunks
from myi_pipelines.sources.exports.month_range import days_in, months_around
from myi_pipelines.sources.exports.plays import Batch
from myi_pipelines.sources.exports.zip_members import (
    DamagedZip,
    JsonFile,
    Limits,
    Source,
    UnpackBudget,
    UnsupportedZip,
    open_zip,
)

Item = TypeVar("Item")

SUFFIXES: Final = (".zip", ".json")
DEFAULT_LIMITS: Final = Limits()

_ASK_SPOTIFY: Final = (
    'request "Extended streaming history" at spotify.com/account/privacy and import what Spotify sends'
)
_SPOTIFYS_NAME: Final = re.compile(r"(endsong|endvideo|streaming_?history).*\.json", re.IGNORECASE)
_NAMES_SHOWN: Final = 5

BATCH_ROWS: Final = 2_500
"""So few that much of a batch is still in the processor's cache when it is packed."""


class UnreadableFile(HistoryError):
    """A file is missing, is a folder, or may not be read."""


class ChangedWhileRead(HistoryError):
    """A file was written to, replaced, moved or deleted while it was read, so what was read may be of two files."""


class NotAZip(HistoryError):
    """A file is named .zip, but is none, nor a history."""


class NoHistory(HistoryError):
    """There is nothing wrong with a file, but it is not a listening history."""


class NestedZip(HistoryError):
    """A ZIP holds nothing but other ZIPs."""


class WrongEncoding(HistoryError):
    """JSON in UTF-16 or UTF-32: some editor's work, for Spotify writes UTF-8."""


class _Stamp(NamedTuple):
    """What tells a file from the same name with other content."""

    device: int
    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Self:
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


class Upload:
    """A file that holds a listening history, open for reading. A context manager, made by `open_upload`.

    Rows may be read any number of times; every time from the start, a batch at a time.
    """

    path: Path
    name: str
    """Of the file, without its folder and fit to be shown and kept."""
    sha256: str
    """Of the file's bytes, in hex."""
    total_bytes: int
    """Of JSON with history in it, unpacked."""
    format: Literal["extended", "account", "mixed"]
    members: tuple[str, ...]
    """The names of the files with history in them; of a JSON file, its own."""
    notes: tuple[str, ...]
    """A line each for what else is in a ZIP and is not read. They come with the first batch too."""

    def __init__(self, path: Path, file: BufferedReader, limits: Limits) -> None:
        self.path = path
        self.name = printable(path.name)
        self._file = file
        self._limits = limits
        self._stamp = _Stamp.of(os.fstat(file.fileno()))
        with self._reading():
            self.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            self._sources, self.notes = self._find_history()
        contents = {content.value for _, content in self._sources}
        self.format = "mixed" if len(contents) > 1 else "extended" if Content.EXTENDED.value in contents else "account"
        self.members = tuple(source.label for source, _ in self._sources)
        self.total_bytes = sum(source.size for source, _ in self._sources)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def batches(self, batch_rows: int = BATCH_ROWS, members: Iterable[int] | None = None) -> Iterator[Batch]:
        """Yield all rows in the order of the file, in batches of `batch_rows`; the last may have fewer.

        Of `members`, by their numbers in `self.members`, only those rows and bytes: they are asked for one at a time,
        as somebody who reads with others takes them.
        Memory does not grow with the file. Raises HistoryError as soon as the file shows that it cannot be read to its
        end, and ChangedWhileRead, at the latest before the last batch, when it is not the file that was opened: keep
        nothing then.
        """
        return without_collections(self._batches(batch_rows, range(len(self.members)) if members is None else members))

    def _batches(self, batch_rows: int, members: Iterable[int]) -> Iterator[Batch]:
        batch_builder = BatchBuilder()
        for note in self.notes:
            batch_builder.note(note)
        readers: dict[Content, Any] = {
            Content.EXTENDED: ExtendedReader(batch_builder),
            Content.ACCOUNT: AccountReader(batch_builder),
        }
        budget = self._allowance()
        bytes_before = 0
        with self._reading():
            for number in members:
                source, content = self._sources[number]
                reader = readers[content]
                member = Member(source.label, "video" in PurePosixPath(source.label).name.lower())
                row = 1
                with source.open(budget) as stream:
                    for chunk in row_chunks(stream.read, reader.decode, source.place):
                        rows, enter = (chunk.rows, reader.read) if chunk.rows else (chunk.loose, reader.read_loose)
                        start = 0
                        while start < len(rows):
                            if batch_builder.rows == batch_rows:
                                self._require_unchanged()
                                yield batch_builder.close_batch(bytes_before + chunk.bytes_read)
                            some = rows[start : start + batch_rows - batch_builder.rows]
                            enter(some, member, row)
                            start += len(some)
                            row += len(some)
                bytes_before += source.size
            self._require_unchanged()
            yield batch_builder.close_batch(bytes_before)

    def month_range(self) -> tuple[date, date] | None:
        """The first and the last month that plays can fall in: perhaps too wide, never too narrow; None if unknown.

        A look at the bytes, several times faster than reading the rows, that finds no fault with anything.
        """
        days: set[bytes] = set()
        budget = self._allowance()
        try:
            with self._reading():
                for source, content in self._sources:
                    with source.open(budget) as stream:
                        days |= days_in(stream, is_account_data=content is Content.ACCOUNT)
        except HistoryError:
            return None
        return months_around(days)

    def _allowance(self) -> UnpackBudget:
        return UnpackBudget(self.name, self._stamp.size, self._limits)

    def _find_history(self) -> tuple[list[tuple[Source, Content]], tuple[str, ...]]:
        """The files with history in them, what each holds, and notes on the others. Raises HistoryError if none has."""
        if _is_zip(self._file):
            return self._find_history_in_zip()
        source = JsonFile(self._file, self.name, self._stamp.size)
        with source.open(self._allowance()) as stream:
            recognized = detect_format(stream)
        if not recognized.is_history or not recognized.is_utf8:
            if recognized.content is Content.NOT_JSON and self.path.suffix.lower() == ".zip":
                raise NotAZip(f"{self.name}: is not a ZIP, though its name says so; download or copy it again")
            raise self._no_history(source, recognized)
        return [(source, recognized.content)], ()

    def _find_history_in_zip(self) -> tuple[list[tuple[Source, Content]], tuple[str, ...]]:
        budget = self._allowance()
        histories: list[tuple[Source, Content]] = []
        nested, unrelated = [], []
        for member in open_zip(self._file, self.name, self._stamp.size, self._limits):
            is_json = member.label.lower().endswith(".json")
            try:
                with member.open(budget) as stream:
                    recognized = detect_format(stream)
            except (DamagedZip, UnsupportedZip):
                if is_json:
                    raise
                continue
            if recognized.is_history and recognized.is_utf8:
                histories.append((member, recognized.content))
            elif recognized.content is Content.ZIP:
                nested.append(member.label)
            elif recognized.is_history or _is_broken_history(member.label, recognized):
                raise self._no_history(member, recognized)
            elif is_json:
                unrelated.append(member.label)
        if nested and not histories:
            what = f"holds no listening history but another ZIP ({_listed(nested)})"
            raise NestedZip(f"{self.name}: {what}, which is not read; unpack it and import what is in it")
        if not histories:
            raise NoHistory(f"{self.name}: holds no listening history; {_ASK_SPOTIFY}")
        notes = []
        if nested:
            notes.append(
                f"{self.name}: not read, for it is a ZIP in the ZIP: {_listed(nested)}; unpack it and import that"
            )
        if unrelated:
            notes.append(f"{self.name}: not read, for it is no listening history: {_listed(unrelated)}")
        return histories, tuple(notes)

    def _no_history(self, source: Source, recognized: Recognized) -> HistoryError:
        """Why a file that was expected to hold a history cannot be read as one."""
        if not recognized.is_utf8 and recognized.content is not Content.NOT_JSON:
            encoding = recognized.encoding[: len("utf-16")].upper()
            return WrongEncoding(
                f"{source.place}: is in {encoding}, but Spotify sends UTF-8; import the unchanged file"
            )
        try:
            with source.open(self._allowance()) as stream:
                for _ in row_chunks(stream.read, msgspec.json.Decoder(list[object]).decode, source.place):
                    pass
        except HistoryError as error:
            return error
        if recognized.content is Content.NOT_AN_ARRAY:
            return NotAnArray(f"{source.place}: is JSON, but no array of rows; {_ASK_SPOTIFY}")
        return NoHistory(f"{source.place}: holds no listening history; {_ASK_SPOTIFY}")

    def require_sha256(self, sha256: str) -> None:
        """Raises ChangedWhileRead when these are not the bytes that somebody else has opened."""
        if self.sha256 != sha256:
            raise self._changed()

    def _require_unchanged(self) -> None:
        try:
            unchanged = _Stamp.of(os.fstat(self._file.fileno())) == self._stamp == _Stamp.of(self.path.stat())
        except OSError:
            unchanged = False
        if not unchanged:
            raise self._changed()

    def _changed(self) -> ChangedWhileRead:
        return ChangedWhileRead(f"{self.name}: changed while it was being read; import it again when it is complete")

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Errors of the system as HistoryError, and any error of a file that has changed as just that."""
        try:
            yield
        except HistoryError as error:
            try:
                self._require_unchanged()
            except ChangedWhileRead as change:
                raise change from error
            raise
        except OSError as error:
            raise _unreadable(self.path, error) from error


def open_upload(path: Path, limits: Limits = DEFAULT_LIMITS) -> Upload:
    """Open a ZIP or JSON file, recognized by its content, and find the history in it.

    Raises HistoryError when the file cannot be read, or holds no history: NoHistory and NotAnArray then say that
    nothing else is wrong with it. What is wrong further in is found while the rows are read.
    """
    with ExitStack() as stack:
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                raise UnreadableFile(f"{printable(str(path))}: is not a file; name a ZIP or JSON file")
            file = stack.enter_context(path.open("rb"))
        except OSError as error:
            raise _unreadable(path, error) from error
        upload = Upload(path, file, limits)
        stack.pop_all()
        return upload


def find_uploads(paths: Iterable[Path]) -> list[Path]:
    """Files as they are; of folders, the ZIP and JSON files in them and below, in the order of their names. Each once.

    In folders, hidden files and links to folders are passed over. Raises UnreadableFile for a folder that cannot be
    read.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        for file in _files_in(path) if path.is_dir() else [path]:
            found.setdefault(file.resolve(), file)
    return list(found.values())


def _files_in(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise _unreadable(Path(error.filename), error) from error

    files = []
    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith((".", "__MACOSX"))]
        files += [Path(place, name) for name in names if not name.startswith(".")]
    return iter(sorted(file for file in files if file.suffix.lower() in SUFFIXES and file.is_file()))


def without_collections(items: Iterator[Item]) -> Iterator[Item]:
    """The same items, each made while Python's garbage collector rests.

    A batch grows by ten thousands of tuples that are in no cycle. Looking for cycles among them over and over was a
    fifth of the time.
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
        yield made.pop()  # nothing is kept here: it goes as soon as it is done with


def _is_zip(file: BinaryIO) -> bool:
    """Whether a file is a ZIP, perhaps one that is cut off or has something in front of it."""
    file.seek(0)
    head = file.read(64)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return True
    return not head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"[", b"{")) and zipfile.is_zipfile(file)


def _is_broken_history(name: str, recognized: Recognized) -> bool:
    """Whether a file has the name that Spotify gives to histories, and nothing in it that could be read."""
    is_named_so = _SPOTIFYS_NAME.fullmatch(PurePosixPath(name).name) is not None
    return is_named_so and recognized.content in (Content.NOT_JSON, Content.EMPTY)


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def _unreadable(path: Path, error: OSError) -> UnreadableFile:
    reason = (error.strerror or type(error).__name__).lower()
    return UnreadableFile(f"{printable(str(path))}: cannot be read ({reason}); check its name and who may read it")
