"""Open the JSON files of an upload as streams of bytes: the file itself, or the members of a ZIP within limits.

Knows no JSON. Unpacks nothing to disk, so the names in a ZIP are only labels.
"""

import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, BinaryIO, Final, Protocol

from myi_pipelines.sources.exports.cleaning import printable_name
from myi_pipelines.sources.exports.export_errors import ExportError

_NEW_COPY: Final = "download or copy it again"
_UNPACK: Final = "unpack it yourself and import the JSON files"
_SETTING: Final = "if you trust the file, raise {} and import it again"

_END: Final = struct.Struct("<4s4H2LH")
_END_64: Final = struct.Struct("<4sQ2H2L4Q")
_MEMBER: Final = b"PK\x03\x04"
_LOCATOR_64_BYTES: Final = 20
_LONGEST_COMMENT: Final = 65_535
_DIRECTORY_BYTES_A_MEMBER: Final = 1_024


class DamagedZip(ExportError):
    """A ZIP is cut off, or its content does not match its table of contents."""


class EncryptedZip(ExportError):
    """A ZIP needs a password."""


class UnsupportedZip(ExportError):
    """A ZIP uses a compression that Spotify does not use and that cannot be read within limits."""


class ZipTooBig(ExportError):
    """A ZIP contains more than the limits allow: perhaps a ZIP bomb."""


@dataclass(frozen=True)
class Limits:
    """How much a ZIP may contain. A real export of 15 years has about 50 members and 400 MB, packed 12 to 1."""

    max_members: int = 2_000
    max_ratio: float = 200
    """Unpacked bytes for each packed byte, of each member and of the whole ZIP."""
    max_bytes: int = 8 * 1024**3
    """Unpacked bytes of the whole ZIP."""


class Stream(Protocol):
    """The bytes of one JSON file, from its start."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; an empty value at the end. Raises ExportError."""
        ...


class UnpackBudget:
    """The bytes that one pass over a ZIP may still unpack."""

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


class JsonFile:
    """A file that is not a ZIP."""

    def __init__(self, file: BinaryIO, label: str, size: int) -> None:
        self.label = self.place = label
        self.size = size
        self._file = file

    @contextmanager
    def open(self, _budget: UnpackBudget) -> Iterator[Stream]:
        """A stream with its own position in the file, so that several can read it. The limits are only for ZIPs."""
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
        """The name in notes."""
        self.place = place
        """The name in errors."""
        self.size = info.file_size
        self._archive = archive
        self._info = info

    @contextmanager
    def open(self, budget: UnpackBudget) -> Iterator[Stream]:
        """The unpacked bytes. Each read spends from the budget."""
        if self._info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            # Python's bzip2 and LZMA may return any number of bytes from one call.
            raise UnsupportedZip(
                f"{self.place}: is compressed with method {self._info.compress_type}, which is not read; {_UNPACK}"
            )
        with _translated_errors(self.place):
            file = self._archive.open(self._info)
        with file:
            yield _MemberStream(file, self.place, budget)


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


Source = JsonFile | ZipMember


def open_zip(file: BinaryIO, label: str, size: int, limits: Limits) -> list[ZipMember]:
    """The files in a ZIP, without folders and without the files that macOS adds (`__MACOSX/`, `._…`).

    Raises DamagedZip, EncryptedZip or UnsupportedZip. Raises ZipTooBig from the sizes that the ZIP declares; the budget
    checks the real sizes while members are unpacked.
    """
    if _directory_bytes(file, size) > (limits.max_members + 1) * _DIRECTORY_BYTES_A_MEMBER:
        raise _too_many(label, limits)
    try:
        with _translated_errors(label):
            archive = zipfile.ZipFile(file)
    except DamagedZip as error:
        if isinstance(error.__cause__, zipfile.BadZipFile) and _directory_bytes(file, size) == 0:
            raise _cut_off(label) from error
        raise
    infos = archive.infolist()
    file.seek(0)
    if file.read(len(_MEMBER)) == _MEMBER and all(info.header_offset > 0 for info in infos):
        raise _cut_off(label)  # the table of contents that was found belongs to a ZIP inside this one
    if len(infos) > limits.max_members:
        raise _too_many(label, limits)
    for info in infos:
        UnpackBudget(f"{label}: {printable_name(info.filename)}", info.compress_size, limits).spend(info.file_size)
    UnpackBudget(label, size, limits).spend(sum(info.file_size for info in infos))
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


def _directory_bytes(file: BinaryIO, size: int) -> int:
    """The declared size of the table of contents, which zipfile reads as a whole; 0 when there is none.

    APPNOTE.TXT 6.3.10, sections 4.3.14 to 4.3.16: the record is the last in the file, and only a comment may follow.
    """
    file.seek(max(0, size - _LONGEST_COMMENT - _END.size - _LOCATOR_64_BYTES - _END_64.size))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        return 0
    length: int = _END.unpack_from(tail, at)[5]
    at_64 = at - _LOCATOR_64_BYTES - _END_64.size
    if at_64 >= 0 and tail[at_64 : at_64 + 4] == b"PK\x06\x06":
        length = max(0 if length == 0xFFFFFFFF else length, _END_64.unpack_from(tail, at_64)[8])
    return length


def _cut_off(label: str) -> DamagedZip:
    return DamagedZip(f"{label}: the ZIP is cut off (the table of contents at its end is missing); {_NEW_COPY}")


def _too_many(label: str, limits: Limits) -> ZipTooBig:
    return ZipTooBig(f"{label}: holds more than {limits.max_members:,} files; {_SETTING.format('MYI_ZIP_MAX_MEMBERS')}")


def _is_from_macos(info: zipfile.ZipInfo) -> bool:
    return info.filename.startswith("__MACOSX/") or PurePosixPath(info.filename).name.startswith("._")


def _one_line(error: Exception) -> str:
    return printable_name(" ".join(str(error).split()))
