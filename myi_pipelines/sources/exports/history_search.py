"""Find the files with history in an upload: the file itself, or members of a ZIP and of the ZIPs in it. Say of an
upload without history what it is."""

import os
import re
import zipfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import PurePosixPath
from typing import BinaryIO, Final, NamedTuple

from myi_pipelines.sources.exports.export_errors import ExportError
from myi_pipelines.sources.exports.format_detection import (
    Content,
    DetectedFormat,
    Found,
    detect_format,
    has_history_keys,
)
from myi_pipelines.sources.exports.gzip_files import GzipFile
from myi_pipelines.sources.exports.json_stream import NotAnArray
from myi_pipelines.sources.exports.layouts import JsonArray, JsonLines
from myi_pipelines.sources.exports.myi_history import MYI
from myi_pipelines.sources.exports.other_files import ASK_SPOTIFY, recognize, split_part
from myi_pipelines.sources.exports.parquet_files import NotOurParquet, ParquetFile, PartOfExport
from myi_pipelines.sources.exports.zip_members import (
    Copies,
    DamagedZip,
    Declared,
    EncryptedZip,
    JsonFile,
    Limits,
    Source,
    SplitZip,
    UnpackBudget,
    UnsupportedZip,
    ZipMember,
    open_zip,
)

_EXPORT_NAME: Final = re.compile(r"(endsong|endvideo|streaming_?history).*\.json(\.json)?(\.gz)?", re.IGNORECASE)
_DATA_ENDINGS: Final = (".json", ".jsonl", ".csv")
"""Of names of files that may be a history."""
_COPY: Final = "download or copy it again"
_NAMES_SHOWN: Final = 5


class NotAZip(ExportError):
    """A file is named .zip, but is neither a ZIP nor a history."""


class NotAnExport(ExportError):
    """A file is not damaged, but is not a listening history."""

    is_no_history = True


class NestedZip(ExportError):
    """A ZIP contains no history, but a ZIP in a ZIP, which is not read."""


class WrongEncoding(ExportError):
    """JSON in UTF-16 or UTF-32. Spotify writes UTF-8, so an editor has changed the file."""


class NotReadHere(ExportError):
    """A file that may hold plays, but in a form that is not read: another service's export, another kind of archive."""


class Histories(NamedTuple):
    """The files of an upload that contain history."""

    sources: list[tuple[Source, Found]]
    """Each file, and the history in it. Never empty."""
    notes: list[str]
    """One line for each kind of file that is not read, and for the ZIPs in the ZIP."""
    accounts: frozenset[bytes]
    """Hashes of the Spotify accounts that the files name. Only old exports name any."""


def find_histories(path_name: str, file: BinaryIO, size: int, limits: Limits, resources: ExitStack) -> Histories:
    """Look into each file of an upload that is open as `file`. What must stay open for reading goes into `resources`.

    Raises ExportError if there is no history, or if a file that should be one cannot be read.
    """
    return _Search(path_name, file, size, limits, resources).run()


class _Search:
    def __init__(self, name: str, file: BinaryIO, size: int, limits: Limits, resources: ExitStack) -> None:
        self._name = name
        self._file = file
        self._size = size
        self._limits = limits
        self._declared = Declared(name, size, limits)
        self._budget = self._new_budget()
        self._copies = Copies()
        resources.callback(self._copies.close)
        self._histories: list[tuple[Source, Found]] = []
        self._accounts: set[bytes] = set()
        self._passed_over: list[str] = []
        self._other: list[NotReadHere] = []
        self._read_zips: list[str] = []
        self._unread_zips: list[ExportError] = []
        self._deep_zips: list[str] = []

    def run(self) -> Histories:
        if _is_zip(self._file):
            try:
                self._look_into_zip(self._file, self._size, self._name)
            except DamagedZip as error:
                self._file.seek(0)
                if part := split_part(self._file.read(4), self._name):
                    raise SplitZip(f"{self._name}: is {part.what}; {part.advice}") from error
                raise
            if not self._histories:
                raise self._why_no_history()
        else:
            self._look_at_file()
        return Histories(self._histories, self._notes(), frozenset(self._accounts))

    def _new_budget(self) -> UnpackBudget:
        return UnpackBudget(self._name, self._size, self._limits)

    def _look_at_file(self) -> None:
        source, detected = self._detect(JsonFile(self._file, self._name, self._size), self._file)
        if not self._take(source, detected):
            raise self._refusal(source, detected)

    def _detect(self, source: Source, file: BinaryIO) -> tuple[Source, DetectedFormat]:
        """The format of a file, of one that is packed with gzip that of its content. It lies in `file`, or is it."""
        with source.open(self._budget) as stream:
            detected = detect_format(stream)
        if detected.content is Content.GZIP and recognize(b"", source.label) is None:
            source = GzipFile(source)
            with source.open(self._budget) as stream:
                detected = detect_format(stream)
        if detected.content is Content.PARQUET:
            source = self._lines_of_parquet(source, file)
            detected = DetectedFormat(Content.HISTORY, "utf-8", detected.head, Found(MYI, JsonLines()))
        return source, detected

    def _lines_of_parquet(self, source: Source, file: BinaryIO) -> JsonFile:
        """A temporary copy of the rows of a Parquet file, as JSON lines. Raises DamagedParquet and NotOurParquet."""
        if isinstance(source, ZipMember):
            file = source.random_access(file, self._copies, self._budget)
        elif isinstance(source, GzipFile):
            with source.open(self._budget) as stream:
                file = self._copies.copy(stream, source.place)
        with ParquetFile(file, source.place).open(self._budget) as stream:
            rows = self._copies.copy(stream, source.place)
        lines = JsonFile(rows, source.label, rows.seek(0, os.SEEK_END))
        lines.place = source.place
        return lines

    def _take(self, source: Source, detected: DetectedFormat) -> bool:
        """Add a file if it is a history that can be read."""
        found = detected.history
        if found is None or not detected.is_utf8:
            return False
        if isinstance(source, GzipFile):
            source.measure(self._new_budget())
        self._histories.append((source, found))
        if found.account:
            self._accounts.add(found.account)
        return True

    def _look_into_zip(self, file: BinaryIO, size: int, place: str, folder: str = "") -> None:
        """Look at the members of the upload, or of a ZIP in it, whose name and a slash are then the `folder`."""
        for member in open_zip(file, place, size, self._declared):
            member.label = folder + member.label
            is_data = PurePosixPath(member.label).name.lower().removesuffix(".gz").endswith(_DATA_ENDINGS)
            try:
                source, detected = self._detect(member, file)
            except (DamagedZip, UnsupportedZip):
                if is_data:
                    raise
                continue
            except NotOurParquet as error:
                if not isinstance(error, PartOfExport):
                    self._passed_over.append(member.label)
                continue
            if self._take(source, detected):
                continue
            if detected.content is Content.ZIP and isinstance(source, ZipMember):
                if folder:
                    self._deep_zips.append(member.label)
                else:
                    self._look_into_zip_in_zip(file, source)
                continue
            refusal = self._refusal(source, detected, is_member=True)
            if isinstance(refusal, NotReadHere):
                self._other.append(refusal)
            elif not refusal.is_no_history:
                raise refusal
            elif is_data:
                self._passed_over.append(member.label)

    def _look_into_zip_in_zip(self, file: BinaryIO, member: ZipMember) -> None:
        before = len(self._histories), len(self._deep_zips)
        try:
            content = member.random_access(file, self._copies, self._budget)
            self._look_into_zip(content, content.seek(0, os.SEEK_END), member.place, f"{member.label}/")
        except (DamagedZip, EncryptedZip, SplitZip, UnsupportedZip) as error:
            self._unread_zips.append(error)
            del self._histories[before[0] :]
            return
        if len(self._histories) > before[0]:
            self._read_zips.append(member.label)
        elif len(self._deep_zips) == before[1]:
            self._passed_over.append(member.label)

    def _why_no_history(self) -> ExportError:
        for error in (*self._unread_zips, *self._other):
            return error
        if self._deep_zips:
            what = f"holds no listening history, but a ZIP in a ZIP in it ({_listed(self._deep_zips)})"
            return NestedZip(f"{self._name}: {what}, which is not read; unpack the ZIP and import what is in it")
        return NotAnExport(f"{self._name}: holds no listening history; {ASK_SPOTIFY}")

    def _notes(self) -> list[str]:
        notes = []
        if self._read_zips:
            which = "the ZIP" if len(self._read_zips) == 1 else "the ZIPs"
            notes.append(f"{self._name}: also read {which} in it: {_listed(self._read_zips)}")
        notes += [f"not read: {error}" for error in (*self._unread_zips, *self._other)[:_NAMES_SHOWN]]
        if self._deep_zips:
            notes.append(
                f"{self._name}: not read, for it is in a ZIP in the ZIP: {_listed(self._deep_zips)}; "
                "unpack it and import that"
            )
        if self._passed_over:
            notes.append(f"{self._name}: {passed_over(self._passed_over)}")
        return notes

    def _refusal(self, source: Source, detected: DetectedFormat, *, is_member: bool = False) -> ExportError:
        """Why a file is not read. A file that nothing shows to be a history is `is_no_history`."""
        name = PurePosixPath(source.label).name
        if detected.history:
            encoding = detected.encoding[: len("utf-16")].upper()
            sender = f"{detected.history.format.service} sends"
            return WrongEncoding(f"{source.place}: is in {encoding}, but {sender} UTF-8; import the unchanged file")
        if detected.content is Content.ZIP:
            return NotReadHere(f"{source.place}: is a ZIP packed once more with gzip; unpack it and import the ZIP")
        error: ExportError
        is_named_so = _EXPORT_NAME.fullmatch(name) is not None
        if other := recognize(detected.head, name) or recognize(detected.utf8_head, name):
            if other.may_hold_plays:
                return NotReadHere(f"{source.place}: is {other.what}; {other.advice}")
            if name.lower().endswith(".zip") and not is_member:
                error = NotAZip(f"{source.place}: is not a ZIP, though its name says so, but {other.what}; {_COPY}")
            else:
                no_history = ", not a listening history" if other.advice is ASK_SPOTIFY else ""
                error = NotAnExport(f"{source.place}: is {other.what}{no_history}; {other.advice}")
                error.is_no_history = not is_named_so
            return error
        if detected.content is Content.NOT_JSON and name.lower().endswith(".zip") and not is_member:
            return NotAZip(f"{source.place}: is not a ZIP, though its name says so; {_COPY}")
        error = self._fault(source, detected)
        is_broken = detected.content in (Content.NOT_JSON, Content.EMPTY)
        error.is_no_history = not is_broken or not (is_named_so or has_history_keys(detected.utf8_head))
        return error

    def _fault(self, source: Source, detected: DetectedFormat) -> ExportError:
        """What is wrong with a file that is no history, and that is not recognized as anything else."""
        content = detected.content
        if content is not Content.OTHER and detected.is_utf8:
            try:
                with source.open(self._new_budget()) as stream:
                    # A file whose first rows can be read is an array of something else, however long.
                    next(JsonArray().chunks(stream.read, dict[str, object], source.place), None)
            except ExportError as error:
                return error
        if content is Content.NOT_AN_ARRAY:
            return NotAnArray(f"{source.place}: is JSON, but no array of rows; {ASK_SPOTIFY}")
        return NotAnExport(f"{source.place}: holds no listening history; {ASK_SPOTIFY}")


def no_history_among(place: str, names: Sequence[str]) -> NotAnExport:
    """Why a folder, or whatever else, is not read of whose files none holds history."""
    others = f", but other files ({_listed(names)})" if names else ""
    return NotAnExport(f"{place}: holds no listening history{others}; {ASK_SPOTIFY}")


def passed_over(names: Sequence[str]) -> str:
    """A line that names some of the files that hold no history and lie beside others that do.

    >>> passed_over(["a.json"])
    'passed over 1 file that holds no listening history: a.json'
    """
    what = "1 file that holds" if len(names) == 1 else f"{len(names):,} files that hold"
    return f"passed over {what} no listening history: {_listed(names)}"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def _is_zip(file: BinaryIO) -> bool:
    """Whether a file is a ZIP. It may be cut off, or have other bytes before the ZIP starts."""
    file.seek(0)
    head = file.read(64)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return True
    return not head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"[", b"{")) and zipfile.is_zipfile(file)
