"""Open a file that is packed with gzip as a stream of its unpacked bytes, within the limits."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from myi_pipelines.sources.exports.export_errors import ExportError
from myi_pipelines.sources.exports.zip_members import Source, Stream, UnpackBudget

GZIP_MARK: Final = b"\x1f\x8b"

_GZIP_FORMAT: Final = 16 + zlib.MAX_WBITS
_PACKED_BYTES: Final = 64 * 1024
_MEASURED_BYTES: Final = 256 * 1024
_AGAIN: Final = "download or copy it again"


class DamagedGzip(ExportError):
    """A file that is packed with gzip is cut off or damaged."""


class GzipFile:
    """A file of an upload that is packed with gzip, as its unpacked content. RFC 1952."""

    def __init__(self, packed: Source) -> None:
        self.label = packed.label
        self.place = packed.place
        self.size = packed.size
        """Unpacked bytes once `measure` was called. Gzip itself tells them only up to 4 GiB."""
        self._packed = packed

    def measure(self, budget: UnpackBudget) -> None:
        """Unpack everything once to find out how much it is. Raises DamagedGzip or ZipTooBig."""
        with self.open(budget) as stream:
            self.size = sum(map(len, iter(lambda: stream.read(_MEASURED_BYTES), b"")))

    @contextmanager
    def open(self, budget: UnpackBudget) -> Iterator[Stream]:
        with self._packed.open(budget) as stream:
            yield _Unpacked(stream, self.place, budget)


class _Unpacked:
    def __init__(self, packed: Stream, place: str, budget: UnpackBudget) -> None:
        self._packed = packed
        self._place = place
        self._budget = budget
        self._unpacker = zlib.decompressobj(_GZIP_FORMAT)
        self._waiting = b""
        """Packed bytes that were read and not unpacked."""

    def read(self, size: int, /) -> bytes:
        while not (piece := self._unpacked(size)):
            self._waiting = self._waiting or self._packed.read(_PACKED_BYTES)
            if not self._waiting:
                self._require_end()
                return b""
            if self._unpacker.eof:
                self._waiting = self._waiting.lstrip(b"\x00")  # some programs fill files up with zeros
                if self._waiting:
                    self._unpacker = zlib.decompressobj(_GZIP_FORMAT)  # another file was appended
        self._budget.spend(len(piece))
        return piece

    def _unpacked(self, size: int) -> bytes:
        """Up to `size` bytes of what was read; none if more has to be read first."""
        if self._unpacker.eof:
            return b""
        try:
            piece = self._unpacker.decompress(self._waiting, size)
        except zlib.error as error:
            raise DamagedGzip(f"{self._place}: the gzip file is damaged ({error}); {_AGAIN}") from error
        self._waiting = self._unpacker.unused_data or self._unpacker.unconsumed_tail
        return piece

    def _require_end(self) -> None:
        if not self._unpacker.eof:
            raise DamagedGzip(f"{self._place}: the gzip file is cut off; {_AGAIN}")
