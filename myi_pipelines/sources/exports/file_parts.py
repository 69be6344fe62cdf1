"""Parts of files that several readers, also in other processes, have open at once."""

from __future__ import annotations

import io
import os
from typing import BinaryIO, cast


class FilePart(io.RawIOBase):
    """Bytes of an open file as a file with its own position. The position of the file itself is left alone."""

    def __init__(self, descriptor: int, start: int, size: int) -> None:
        self.descriptor = descriptor
        self.start = start
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        at = offset + (0, self._at, self._size)[whence]
        if at < 0:
            raise ValueError("negative seek value")
        self._at = at
        return at

    def tell(self) -> int:
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(0, self._size - self._at)
        wanted = left if size is None or size < 0 else min(size, left)
        piece = os.pread(self.descriptor, wanted, self.start + self._at)
        self._at += len(piece)
        return piece


def part_of(file: BinaryIO, start: int, size: int) -> BinaryIO:
    """A part of a file, which may be a part itself."""
    descriptor, before = place_of(file)
    return cast(BinaryIO, FilePart(descriptor, before + start, size))


def place_of(file: BinaryIO) -> tuple[int, int]:
    """Where the bytes of a file lie for another process: its descriptor, and the place in it at which it begins."""
    return (file.descriptor, file.start) if isinstance(file, FilePart) else (file.fileno(), 0)
