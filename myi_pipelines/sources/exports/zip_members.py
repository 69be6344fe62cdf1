"""The JSON files of an upload as streams of bytes: a file itself, or the members of a ZIP within limits. Knows no JSON.

Nothing is ever unpacked to disk, so the names in a ZIP are only ever labels.
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

from myi_pipelines.sources.exports.cleaning import printable
from myi_pipelines.sources.exports.errors import HistoryError

_NEW_COPY: Final = "download or copy it again"
_UNPACK: Final = "unpack it yourself and import the JSON files"
_SETTING: Final = "if you trust the file, raise {} and import it again"

_END: Final = struct.Struct("<4s4H2LH")
_END_64: Final = struct.Struct("<4sQ2H2L4Q")
_MEMBER: Final = b"PK\x03\x04"
_LOCATOR_64_BYTES: Final = 20
_LONGEST_COMMENT: Final = 65_535
_DIRECTORY_BYTES_A_MEMBER: Final = 1_024


class DamagedZip(HistoryError):
    """A ZIP is cut off or does not hold what it says."""


class EncryptedZip(HistoryError):
    """A ZIP needs a password."""


class UnsupportedZip(HistoryError):
    """A ZIP is packed in a way that Spotify does not use and that cannot be read within limits."""


class ZipTooBig(HistoryError):
    """A ZIP holds more than the limits allow: perhaps a ZIP bomb."""


@dataclass(frozen=True)
class Limits:
    """How much a ZIP may hold. A real export of 15 years: some 50 members, 400 MB, packed 12 to 1."""

    max_members: int = 2_000
    max_ratio: float = 200
    """Unpacked to packed bytes, of each member and of the whole."""
    max_bytes: int = 8 * 1024**3
    """Unpacked, of the whole."""


class Stream(Protocol):
    """Bytes in order, from the start of one JSON file."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; none at the end. Raises HistoryError."""
        ...


class UnpackBudget:
    """The bytes that one pass over a ZIP may still unpack."""

    def __init__(self, label: str, packed_bytes: int, limits: Limits) -> None:
        self._label = label
        self._limits = limits
        self._by_ratio = int(packed_bytes * limits.max_ratio)
        self._unpacked = 0

    def spend(self, size: int) -> None:
        """Raise ZipTooBig when this takes the total over a limit."""
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
    """A file that is no ZIP."""

    def __init__(self, file: BinaryIO, label: str, size: int) -> None:
        self.label = self.place = label
        self.size = size
        self._file = file

    @contextmanager
    def open(self, _allowance: UnpackBudget) -> Iterator[Stream]:
        """A stream with a place of its own in the file, whoever else reads it. Limits are for ZIPs."""
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
        """The name as notes show it."""
        self.place = place
        """The name as errors show it."""
        self.size = info.file_size
        self._archive = archive
        self._info = info

    @contextmanager
    def open(self, budget: UnpackBudget) -> Iterator[Stream]:
        """The unpacked bytes, taken off the allowance as they come."""
        if self._info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            # Python unpacks bzip2 and LZMA without a bound on what one call returns.
            raise UnsupportedZip(
                f"{self.place}: is compressed with method {self._info.compress_type}, which is not read; {_UNPACK}"
            )
        with _explained(self.place):
            file = self._archive.open(self._info)
        with file:
            yield _MemberStream(file, self.place, budget)


class _MemberStream:
    def __init__(self, file: IO[bytes], place: str, budget: UnpackBudget) -> None:
        self._file = file
        self._place = place
        self._allowance = budget

    def read(self, size: int, /) -> bytes:
        with _explained(self._place):
            piece = self._file.read(size)
        self._allowance.spend(len(piece))
        return piece


Source = JsonFile | ZipMember


def open_zip(file: BinaryIO, label: str, size: int, limits: Limits) -> list[ZipMember]:
    """The files in a ZIP, without folders and without what macOS adds (`__MACOSX/`, `._…`).

    Raises DamagedZip, EncryptedZip, UnsupportedZip, or ZipTooBig by what the ZIP says of itself; whether that is true
    is seen while it is unpacked.
    """
    if _directory_bytes(file, size) > (limits.max_members + 1) * _DIRECTORY_BYTES_A_MEMBER:
        raise _too_many(label, limits)
    try:
        with _explained(label):
            archive = zipfile.ZipFile(file)
    except DamagedZip as error:
        if isinstance(error.__cause__, zipfile.BadZipFile) and _directory_bytes(file, size) == 0:
            raise _cut_off(label) from error
        raise
    infos = archive.infolist()
    file.seek(0)
    if file.read(len(_MEMBER)) == _MEMBER and all(info.header_offset > 0 for info in infos):
        raise _cut_off(label)  # and what was found is the table of contents of a ZIP inside it
    if len(infos) > limits.max_members:
        raise _too_many(label, limits)
    for info in infos:
        UnpackBudget(f"{label}: {printable(info.filename)}", info.compress_size, limits).spend(info.file_size)
    UnpackBudget(label, size, limits).spend(sum(info.file_size for info in infos))
    if any(info.flag_bits & 1 for info in infos):
        raise EncryptedZip(f"{label}: is encrypted; unpack it with its password and import the JSON files")
    files = [info for info in infos if not info.is_dir() and not _is_from_macos(info)]
    bases = Counter(PurePosixPath(info.filename).name for info in files)
    members = []
    for info in files:
        base = PurePosixPath(info.filename).name
        name = printable(base if bases[base] == 1 else info.filename)
        members.append(ZipMember(archive, info, name, f"{label}: {name}"))
    return members


@contextmanager
def _explained(place: str) -> Iterator[None]:
    """Turn the errors of zipfile into what they mean to the owner of the ZIP."""
    try:
        yield
    except NotImplementedError as error:
        raise UnsupportedZip(f"{place}: cannot be unpacked ({_one_line(error)}); {_UNPACK}") from error
    except EOFError as error:
        raise DamagedZip(f"{place}: is cut off inside the ZIP; {_NEW_COPY}") from error
    except (zipfile.BadZipFile, zlib.error, struct.error, ValueError, OverflowError) as error:
        raise DamagedZip(f"{place}: the ZIP is damaged here ({_one_line(error)}); {_NEW_COPY}") from error


def _directory_bytes(file: BinaryIO, size: int) -> int:
    """How long a ZIP says that its table of contents is, which zipfile reads whole; 0 when it has none.

    APPNOTE.TXT 6.3.10, sections 4.3.14 to 4.3.16: the record is the last in the file, but for a comment.
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
    return printable(" ".join(str(error).split()))
