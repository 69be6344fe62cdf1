"""Read an upload (one ZIP or JSON file) as a listening history. Defines the errors of the file as a whole."""

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
from myi_pipelines.sources.exports.cleaning import printable_name
from myi_pipelines.sources.exports.export_errors import ExportError
from myi_pipelines.sources.exports.extended_history import ExtendedReader
from myi_pipelines.sources.exports.format_detection import Content, DetectedFormat, detect_format
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
_EXPORT_NAME: Final = re.compile(r"(endsong|endvideo|streaming_?history).*\.json", re.IGNORECASE)
_NAMES_SHOWN: Final = 5

BATCH_ROWS: Final = 2_500
"""A small number, so that much of a batch is still in the processor's cache when the batch is packed."""


class UnreadableFile(ExportError):
    """A file is missing, is a folder, or may not be read."""


class ChangedWhileRead(ExportError):
    """A file was written to, replaced, moved or deleted while it was read, so the rows may come from two files."""


class NotAZip(ExportError):
    """A file is named .zip, but is neither a ZIP nor a history."""


class NotAnExport(ExportError):
    """A file is not damaged, but is not a listening history."""


class NestedZip(ExportError):
    """A ZIP contains no history, but contains other ZIPs."""


class WrongEncoding(ExportError):
    """JSON in UTF-16 or UTF-32. Spotify writes UTF-8, so an editor has changed the file."""


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
    """The unpacked size of all JSON files that contain history."""
    format: Literal["extended", "account", "mixed"]
    members: tuple[str, ...]
    """The names of the files that contain history. For a JSON file, its own name."""
    notes: tuple[str, ...]
    """One line for each kind of file in a ZIP that is not read. The first batch contains these notes too."""

    def __init__(self, path: Path, file: BufferedReader, limits: Limits) -> None:
        self.path = path
        self.name = printable_name(path.name)
        self._file = file
        self._limits = limits
        self._signature = _FileSignature.of(os.fstat(file.fileno()))
        with self._reading():
            self.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            self._sources, self.notes = self._find_exports()
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
        readers: dict[Content, Any] = {
            Content.EXTENDED: ExtendedReader(batch_builder),
            Content.ACCOUNT: AccountReader(batch_builder),
        }
        budget = self._new_budget()
        bytes_before = 0
        with self._reading():
            for number in members:
                source, content = self._sources[number]
                reader = readers[content]
                member = Member(source.label, "video" in PurePosixPath(source.label).name.lower())
                row = 1
                with source.open(budget) as stream:
                    for chunk in row_chunks(stream.read, reader.decode, source.place):
                        rows, enter = (chunk.rows, reader.read) if chunk.rows else (chunk.untyped, reader.read_untyped)
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
        """The first and the last month of plays: perhaps too wide, never too narrow. None if unknown.

        Scans the bytes, which is several times faster than reading the rows. Reports no faults.
        """
        days: set[bytes] = set()
        budget = self._new_budget()
        try:
            with self._reading():
                for source, content in self._sources:
                    with source.open(budget) as stream:
                        days |= days_in(stream, is_account_data=content is Content.ACCOUNT)
        except ExportError:
            return None
        return months_around(days)

    def _new_budget(self) -> UnpackBudget:
        return UnpackBudget(self.name, self._signature.size, self._limits)

    def _find_exports(self) -> tuple[list[tuple[Source, Content]], tuple[str, ...]]:
        """The files that contain history, their formats, and notes on other files. Raises ExportError if none does."""
        if _is_zip(self._file):
            return self._find_exports_in_zip()
        source = JsonFile(self._file, self.name, self._signature.size)
        with source.open(self._new_budget()) as stream:
            detected = detect_format(stream)
        if not detected.is_history or not detected.is_utf8:
            if detected.content is Content.NOT_JSON and self.path.suffix.lower() == ".zip":
                raise NotAZip(f"{self.name}: is not a ZIP, though its name says so; download or copy it again")
            raise self._refusal(source, detected)
        return [(source, detected.content)], ()

    def _find_exports_in_zip(self) -> tuple[list[tuple[Source, Content]], tuple[str, ...]]:
        budget = self._new_budget()
        histories: list[tuple[Source, Content]] = []
        nested, unrelated = [], []
        for member in open_zip(self._file, self.name, self._signature.size, self._limits):
            is_json = member.label.lower().endswith(".json")
            try:
                with member.open(budget) as stream:
                    detected = detect_format(stream)
            except (DamagedZip, UnsupportedZip):
                if is_json:
                    raise
                continue
            if detected.is_history and detected.is_utf8:
                histories.append((member, detected.content))
            elif detected.content is Content.ZIP:
                nested.append(member.label)
            elif detected.is_history or _is_broken_export(member.label, detected):
                raise self._refusal(member, detected)
            elif is_json:
                unrelated.append(member.label)
        if nested and not histories:
            what = f"holds no listening history but another ZIP ({_listed(nested)})"
            raise NestedZip(f"{self.name}: {what}, which is not read; unpack it and import what is in it")
        if not histories:
            raise NotAnExport(f"{self.name}: holds no listening history; {_ASK_SPOTIFY}")
        notes = []
        if nested:
            notes.append(
                f"{self.name}: not read, for it is a ZIP in the ZIP: {_listed(nested)}; unpack it and import that"
            )
        if unrelated:
            notes.append(f"{self.name}: not read, for it is no listening history: {_listed(unrelated)}")
        return histories, tuple(notes)

    def _refusal(self, source: Source, detected: DetectedFormat) -> ExportError:
        """Why a file that should contain a history cannot be read as one."""
        if not detected.is_utf8 and detected.content is not Content.NOT_JSON:
            encoding = detected.encoding[: len("utf-16")].upper()
            return WrongEncoding(
                f"{source.place}: is in {encoding}, but Spotify sends UTF-8; import the unchanged file"
            )
        try:
            with source.open(self._new_budget()) as stream:
                for _ in row_chunks(stream.read, msgspec.json.Decoder(list[object]).decode, source.place):
                    pass
        except ExportError as error:
            return error
        if detected.content is Content.NOT_AN_ARRAY:
            return NotAnArray(f"{source.place}: is JSON, but no array of rows; {_ASK_SPOTIFY}")
        return NotAnExport(f"{source.place}: holds no listening history; {_ASK_SPOTIFY}")

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
    """Open a ZIP or JSON file, detect its format from its content, and find the history in it.

    Raises ExportError when the file cannot be read or contains no history. NotAnExport and NotAnArray mean that the
    file is not damaged. Faults further into the file are found when the rows are read.
    """
    with ExitStack() as stack:
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                raise UnreadableFile(f"{printable_name(str(path))}: is not a file; name a ZIP or JSON file")
            file = stack.enter_context(path.open("rb"))
        except OSError as error:
            raise _unreadable(path, error) from error
        upload = Upload(path, file, limits)
        stack.pop_all()
        return upload


def find_upload_files(paths: Iterable[Path]) -> list[Path]:
    """Each file in `paths`, and for each folder its ZIP and JSON files at any depth, sorted by name. Each file once.

    In folders, hidden files and links to folders are skipped. Raises UnreadableFile for a folder that cannot be read.
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


def _is_zip(file: BinaryIO) -> bool:
    """Whether a file is a ZIP. It may be cut off, or have other bytes before the ZIP starts."""
    file.seek(0)
    head = file.read(64)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return True
    return not head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"[", b"{")) and zipfile.is_zipfile(file)


def _is_broken_export(name: str, detected: DetectedFormat) -> bool:
    """Whether a file has the name that Spotify gives to histories, but no readable content."""
    is_named_so = _EXPORT_NAME.fullmatch(PurePosixPath(name).name) is not None
    return is_named_so and detected.content in (Content.NOT_JSON, Content.EMPTY)


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def _unreadable(path: Path, error: OSError) -> UnreadableFile:
    reason = (error.strerror or type(error).__name__).lower()
    return UnreadableFile(f"{printable_name(str(path))}: cannot be read ({reason}); check its name and who may read it")
