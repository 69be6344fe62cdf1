"""Open the files of an upload as streams of bytes: the file itself, or the members of a ZIP within limits.

Knows no JSON. Unpacks no JSON to disk, so the names in a ZIP are only labels. A ZIP in the ZIP is read where it lies,
or from a copy in a temporary file without a name: see `Copies`.
"""

import errno
import struct
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, BinaryIO, Final, NamedTuple, Protocol, cast

from myi_pipelines.sources.exports.cleaning import printable_name
from myi_pipelines.sources.exports.export_errors import ExportError
from myi_pipelines.sources.exports.file_parts import part_of
from myi_pipelines.sources.exports.other_files import part_of_split_zip

_NEW_COPY: Final = "download or copy it again"
_UNPACK: Final = "unpack it yourself and import the JSON files"
_SETTING: Final = "if you trust the file, raise {} and import it again"

_END: Final = struct.Struct("<4s4H2LH")
_END_64: Final = struct.Struct("<4sQ2H2L4Q")
_MEMBER: Final = struct.Struct("<4s22x2H")
_MEMBER_MARK: Final = b"PK\x03\x04"
_LOCATOR_64_BYTES: Final = 20
_LONGEST_COMMENT: Final = 65_535
_DIRECTORY_BYTES_A_MEMBER: Final = 1_024
_COPIED_BYTES: Final = 256 * 1024
_NOT_SPLIT: Final = (0, 0xFFFF)
"""Numbers of the only part of a ZIP. The second one stands for a number that is in the record of ZIP64."""


class DamagedZip(ExportError):
    """A ZIP is cut off, or its content does not match its table of contents."""


class EncryptedZip(ExportError):
    """A ZIP needs a password."""


class UnsupportedZip(ExportError):
    """A ZIP uses a compression that Spotify does not use and that cannot be read within limits."""


class ZipTooBig(ExportError):
    """A packed file contains more than the limits allow: perhaps a bomb."""


class SplitZip(ExportError):
    """A file is one part of a ZIP that was split into several files."""


class NoRoomForCopy(ExportError):
    """The temporary copy of a ZIP in a ZIP, or of a Parquet file, cannot be written."""


@dataclass(frozen=True)
class Limits:
    """How much a packed file may contain. A real export of 15 years has about 50 members and 400 MB, packed 12 to 1."""

    max_members: int = 2_000
    """Members of a ZIP, together with those of the ZIPs in it."""
    max_ratio: float = 200
    """Unpacked bytes for each packed byte, of each member and of the whole file."""
    max_bytes: int = 8 * 1024**3
    """Unpacked bytes of the whole file, together with those of the ZIPs in it."""


class Stream(Protocol):
    """The bytes of one JSON file, from its start."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; an empty value at the end. Raises ExportError."""
        ...


class Source(Protocol):
    """A file of an upload. It can be opened several times at once."""

    label: str
    """The name in notes."""
    place: str
    """The name in errors."""
    size: int
    """Unpacked bytes."""

    def open(self, budget: "UnpackBudget") -> AbstractContextManager[Stream]:
        """The unpacked bytes. Each read spends from the budget. Raises ExportError."""
        ...


class UnpackBudget:
    """The bytes that one pass over a packed file may still unpack."""

    def __init__(self, label: str, packed_bytes: int, limits: Limits) -> None:
        self._label = label
        self._limits = limits
        self._by_ratio = int(packed_bytes * limits.max_ratio)
        self._unpacked = 0

    def spend(self, size: int) -> None:
        """Count `size` more bytes. Raises ZipTooBig when the total exceeds a limit."""
        self._unpacked += size
        if self._unpacked > self._limits.max_bytes:
            raise ZipTooBig(
                f"{self._label}: unpacks to more than {self._limits.max_bytes:,} bytes; "
                f"{_SETTING.format('MYI_ZIP_MAX_BYTES')}"
            )
        if self._unpacked > self._by_ratio:
            raise ZipTooBig(
                f"{self._label}: unpacks to more than {self._limits.max_ratio:,g} times its size, as ZIP bombs do; "
                f"{_SETTING.format('MYI_ZIP_MAX_RATIO')}"
            )


class Declared:
    """How much a ZIP declares to contain, together with the ZIPs in it."""

    def __init__(self, label: str, packed_bytes: int, limits: Limits) -> None:
        self.limits = limits
        self._label = label
        self._members = 0
        self._budget = UnpackBudget(label, packed_bytes, limits)

    def require_room(self, directory_bytes: int) -> None:
        """Raises ZipTooBig if a table of contents is so long that it must list more members than the limits allow."""
        if directory_bytes > (self.limits.max_members + 1 - self._members) * _DIRECTORY_BYTES_A_MEMBER:
            raise self._too_many()

    def add(self, infos: Sequence[zipfile.ZipInfo]) -> None:
        """Count the members of one more ZIP. Raises ZipTooBig."""
        self._members += len(infos)
        if self._members > self.limits.max_members:
            raise self._too_many()
        self._budget.spend(sum(info.file_size for info in infos))

    def _too_many(self) -> ZipTooBig:
        limit = f"{self.limits.max_members:,} files"
        return ZipTooBig(f"{self._label}: holds more than {limit}; {_SETTING.format('MYI_ZIP_MAX_MEMBERS')}")


class JsonFile:
    """A file that is not a ZIP."""

    def __init__(self, file: BinaryIO, label: str, size: int) -> None:
        self.label = self.place = label
        self.size = size
        self._file = file

    @contextmanager
    def open(self, _budget: UnpackBudget) -> Iterator[Stream]:
        """A stream with its own position in the file, so that several can read it. The limits are for packed files."""
        yield _FileStream(self._file)


class _FileStream:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._at = 0

    def read(self, size: int, /) -> bytes:
        self._file.seek(self._at)
        piece = self._file.read(size)
        self._at += len(piece)
        return piece


class ZipMember:
    """A file in a ZIP."""

    def __init__(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, label: str, place: str) -> None:
        self.label = label
        self.place = place
        self.size = info.file_size
        self._archive = archive
        self._info = info

    @contextmanager
    def open(self, budget: UnpackBudget) -> Iterator[Stream]:
        if self._info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            # Python's bzip2 and LZMA may return any number of bytes from one call.
            raise UnsupportedZip(
                f"{self.place}: is compressed with method {self._info.compress_type}, which is not read; {_UNPACK}"
            )
        with _translated_errors(self.place):
            file = self._archive.open(self._info)
        with file:
            yield _MemberStream(file, self.place, budget)

    def random_access(self, file: BinaryIO, copies: "Copies", budget: UnpackBudget) -> BinaryIO:
        """The unpacked bytes as a file that can be read anywhere: the part of `file`, the ZIP, in which they lie if
        they are not compressed, else a copy. Raises ExportError.
        """
        if self._info.compress_type != zipfile.ZIP_STORED:
            with self.open(budget) as stream:
                return copies.copy(stream, self.place)
        file.seek(self._info.header_offset)
        header = file.read(_MEMBER.size)
        if len(header) < _MEMBER.size or not header.startswith(_MEMBER_MARK):
            raise DamagedZip(f"{self.place}: the ZIP is damaged here (no file begins here); {_NEW_COPY}")
        _, name_bytes, extra_bytes = _MEMBER.unpack(header)
        start = self._info.header_offset + _MEMBER.size + name_bytes + extra_bytes
        return part_of(file, start, self._info.file_size)


class _MemberStream:
    def __init__(self, file: IO[bytes], place: str, budget: UnpackBudget) -> None:
        self._file = file
        self._place = place
        self._budget = budget

    def read(self, size: int, /) -> bytes:
        with _translated_errors(self._place):
            piece = self._file.read(size)
        self._budget.spend(len(piece))
        return piece


class Copies:
    """Temporary copies of what cannot be read in the order in which it is unpacked: packed ZIPs in a ZIP and Parquet
    files, and of Parquet files the rows.

    All are in one file without a name, so they disappear however the process ends. Packed ZIPs in a ZIP stay packed.
    """

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._end = 0

    def copy(self, stream: Stream, place: str) -> BinaryIO:
        """Copy a stream and return the copy as a file that can be read anywhere. Raises NoRoomForCopy."""
        start = self._end
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
            while piece := stream.read(_COPIED_BYTES):
                self._file.seek(self._end)  # the stream may be of a copy, and have moved the position
                self._file.write(piece)
                self._end += len(piece)
            self._file.flush()
        except OSError as error:
            raise NoRoomForCopy(
                f"{place}: a temporary copy of it cannot be written to {tempfile.gettempdir()} "
                f"({(error.strerror or str(error)).lower()}); make room there, or unpack what it is in and import it"
            ) from error
        return part_of(cast(BinaryIO, self._file), start, self._end - start)

    def close(self) -> None:
        """Remove the copies."""
        if self._file is not None:
            self._file.close()


def open_zip(file: BinaryIO, label: str, size: int, declared: Declared) -> list[ZipMember]:
    """The files in a ZIP, without folders and without the files that macOS adds (`__MACOSX/`, `._…`).

    Raises DamagedZip, EncryptedZip, SplitZip or UnsupportedZip. Raises ZipTooBig from the sizes that the ZIP declares,
    which are added to `declared`; the budget checks the real sizes while members are unpacked.
    """
    end = _EndRecord.find(file, size)
    declared.require_room(end.directory_bytes if end else 0)
    file.seek(0)
    begins_with_member = file.read(len(_MEMBER_MARK)) == _MEMBER_MARK
    if end and end.is_of_split_zip(begins_with_member=begins_with_member):
        part = part_of_split_zip(label)
        raise SplitZip(f"{label}: is {part.what}, the last one; {part.advice}")
    try:
        with _translated_errors(label):
            archive = zipfile.ZipFile(file)
    except DamagedZip as error:
        if isinstance(error.__cause__, zipfile.BadZipFile) and end is None:
            raise _cut_off(label) from error
        raise
    infos = archive.infolist()
    if begins_with_member and all(info.header_offset > 0 for info in infos):
        raise _cut_off(label)  # the table of contents that was found belongs to a ZIP inside this one
    for info in infos:
        of_member = UnpackBudget(f"{label}: {printable_name(info.filename)}", info.compress_size, declared.limits)
        of_member.spend(info.file_size)
    declared.add(infos)
    if any(info.flag_bits & 1 for info in infos):
        raise EncryptedZip(f"{label}: is encrypted; unpack it with its password and import the JSON files")
    files = [info for info in infos if not info.is_dir() and not _is_from_macos(info)]
    bases = Counter(PurePosixPath(info.filename).name for info in files)
    members = []
    for info in files:
        base = PurePosixPath(info.filename).name
        name = printable_name(base if bases[base] == 1 else info.filename)
        members.append(ZipMember(archive, info, name, f"{label}: {name}"))
    return members


@contextmanager
def _translated_errors(place: str) -> Iterator[None]:
    """Turn the errors of zipfile into errors that the user understands."""
    try:
        yield
    except NotImplementedError as error:
        raise UnsupportedZip(f"{place}: cannot be unpacked ({_one_line(error)}); {_UNPACK}") from error
    except EOFError as error:
        raise DamagedZip(f"{place}: is cut off inside the ZIP; {_NEW_COPY}") from error
    except (zipfile.BadZipFile, zlib.error, struct.error, ValueError, OverflowError) as error:
        raise DamagedZip(f"{place}: the ZIP is damaged here ({_one_line(error)}); {_NEW_COPY}") from error
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise DamagedZip(f"{place}: the ZIP is damaged here (it points to before its start); {_NEW_COPY}") from error


class _EndRecord(NamedTuple):
    """The record at the end of a ZIP that says where its table of contents is, which zipfile reads as a whole.

    APPNOTE.TXT 6.3.10, sections 4.3.14 to 4.3.16: the record is the last in the file, and only a comment may follow.
    """

    at: int
    parts: tuple[int, int]
    """The number of this part of a split ZIP, and of the part in which the table of contents begins."""
    directory_bytes: int
    directory_at: int
    is_64: bool

    @classmethod
    def find(cls, file: BinaryIO, size: int) -> "_EndRecord | None":
        """The record of a file of `size` bytes; None when there is none."""
        tail_at = max(0, size - _LONGEST_COMMENT - _END.size - _LOCATOR_64_BYTES - _END_64.size)
        file.seek(tail_at)
        tail = file.read()
        at = tail.rfind(b"PK\x05\x06")
        if at < 0 or len(tail) - at < _END.size:
            return None
        _, part, directory_part, _, _, length, directory_at, _ = _END.unpack_from(tail, at)
        at_64 = at - _LOCATOR_64_BYTES - _END_64.size
        is_64 = at_64 >= 0 and tail[at_64 : at_64 + 4] == b"PK\x06\x06"
        if is_64:
            length = max(0 if length == 0xFFFFFFFF else length, _END_64.unpack_from(tail, at_64)[8])
        return cls(tail_at + at, (part, directory_part), length, directory_at, is_64)

    def is_of_split_zip(self, *, begins_with_member: bool) -> bool:
        """Whether the file is the last part of a split ZIP. The record says so, or the ZIP begins in another file: more
        would have to lie in front of the table of contents than does, and this file begins with no member."""
        if any(number not in _NOT_SPLIT for number in self.parts):
            return True
        missing = self.directory_at + self.directory_bytes - self.at
        return not begins_with_member and not self.is_64 and missing > 0


def _cut_off(label: str) -> DamagedZip:
    return DamagedZip(f"{label}: the ZIP is cut off (the table of contents at its end is missing); {_NEW_COPY}")


def _is_from_macos(info: zipfile.ZipInfo) -> bool:
    return info.filename.startswith("__MACOSX/") or PurePosixPath(info.filename).name.startswith("._")


def _one_line(error: Exception) -> str:
    return printable_name(" ".join(str(error).split()))
