"""Open the Parquet file of an export of MYI as a stream of JSON lines, one a row, within the limits.

What a file is, its footer says: the names of the columns, and what MYI writes beside them. Only one that looks like a
history is read, by ``parquet_reader``, a process of its own.
"""

import re
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from os import SEEK_END, environ
from struct import Struct
from typing import IO, BinaryIO, Final

import msgspec

from myi_pipelines.sources.exports import parquet_reader
from myi_pipelines.sources.exports.cleaning import printable_name
from myi_pipelines.sources.exports.export_errors import ExportError
from myi_pipelines.sources.exports.file_parts import place_of
from myi_pipelines.sources.exports.myi_history import NEEDED
from myi_pipelines.sources.exports.parquet_reader import LENGTH, Outcome
from myi_pipelines.sources.exports.zip_members import Stream, UnpackBudget

PARQUET_MARK: Final = b"PAR1"
HISTORY: Final = "history.parquet"
"""The file of an export that is read."""
TABLE_KEY: Final = b"myi.table"
"""The key in the metadata of a file that MYI wrote, under which it says what the file is."""

_TAIL: Final = Struct("<I4s")
_FOOTER_BYTES: Final = 16 * 1024**2
_LONGEST_REASON: Final = 160
_TABLE: Final = re.compile(re.escape(TABLE_KEY) + rb"\x18.([\w./]+)", re.DOTALL)
"""In a footer: Thrift's compact protocol writes a field's type, a length and the text."""
_AGAIN: Final = "export, download or copy it again"


class DamagedParquet(ExportError):
    """A Parquet file is cut off or damaged, or has values in its columns that MYI does not write."""


class NotOurParquet(ExportError):
    """A Parquet file that is no history of MYI."""

    is_no_history = True


class PartOfExport(NotOurParquet):
    """Another file of an export of MYI than its history: the plays in it are there, too."""


class ParquetFile:
    """A file of an upload that is Parquet, as the JSON lines of its rows."""

    def __init__(self, file: BinaryIO, place: str) -> None:
        """``file`` can be read anywhere. Raises DamagedParquet and NotOurParquet."""
        self._file = file
        self._place = place
        self._packed_bytes = file.seek(0, SEEK_END)
        self._recognize(self._footer())

    @contextmanager
    def open(self, budget: UnpackBudget) -> Iterator[Stream]:
        """The lines of all rows. Each read spends from the budget. Raises DamagedParquet, NotOurParquet, ZipTooBig."""
        with closing(self._lines(budget)) as lines:
            yield _Lines(lines)

    def _footer(self) -> bytes:
        """Raises DamagedParquet for a file whose end is missing, or whose footer is longer than any that MYI writes."""
        self._file.seek(max(0, self._packed_bytes - _TAIL.size))
        tail = self._file.read(_TAIL.size)
        length, mark = _TAIL.unpack(tail) if len(tail) == _TAIL.size else (0, b"")
        if mark != PARQUET_MARK:
            raise DamagedParquet(f"{self._place}: the Parquet file is cut off (its end is missing); {_AGAIN}")
        if length > min(_FOOTER_BYTES, self._packed_bytes - _TAIL.size):
            raise self._damaged(f"its footer would have {length:,} bytes")
        self._file.seek(self._packed_bytes - _TAIL.size - length)
        return self._file.read(length)

    def _recognize(self, footer: bytes) -> None:
        """Raises NotOurParquet for a table of something else."""
        if all(name.encode() in footer for name in NEEDED):
            return
        if table := _TABLE.search(footer):
            raise PartOfExport(
                f"{self._place}: is a part of an export of MYI ({printable_name(table[1].decode())}) that is not read; "
                f"import {HISTORY}, which lies beside it, or the whole export"
            )
        raise self._not_ours()

    def _lines(self, budget: UnpackBudget) -> Generator[bytes]:
        """The rows, some at a time."""
        descriptor, start = place_of(self._file)
        process = subprocess.Popen(
            [sys.executable, "-m", parquet_reader.__name__, *map(str, (descriptor, start, self._packed_bytes))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=[descriptor],
            process_group=0,  # only its parent handles an interrupt at the terminal
            env={**environ, "ARROW_DEFAULT_MEMORY_POOL": "system", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        assert process.stdout is not None
        try:
            while lines := self._frame(process.stdout):
                budget.spend(len(lines))
                yield lines
            outcome = msgspec.json.decode(self._frame(process.stdout), type=Outcome)
        finally:
            process.kill()
            process.stdout.close()
            process.wait()
        if outcome.what == "not ours":
            raise self._not_ours()
        if outcome.what == "damaged":
            raise self._damaged(outcome.why)

    def _frame(self, stream: IO[bytes]) -> bytes:
        """What the process sends next. Raises DamagedParquet if it has died."""
        head = stream.read(LENGTH.size)
        length = LENGTH.unpack(head)[0] if len(head) == LENGTH.size else None
        frame = b"" if length is None else stream.read(length)
        if len(frame) != length:
            raise self._damaged("reading it is not possible")
        return frame

    def _not_ours(self) -> NotOurParquet:
        return NotOurParquet(
            f"{self._place}: is a Parquet file, but no history that MYI wrote; what is read of that kind is {HISTORY}, "
            "which `myi export` writes"
        )

    def _damaged(self, why: str) -> DamagedParquet:
        shown = printable_name(" ".join(why.split())[:_LONGEST_REASON])
        return DamagedParquet(f"{self._place}: the Parquet file is damaged ({shown}); {_AGAIN}")


class _Lines:
    """Lines as a stream of their bytes."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines
        self._waiting = b""

    def read(self, size: int, /) -> bytes:
        if not self._waiting:
            self._waiting = next(self._lines, b"")
        piece, self._waiting = self._waiting[:size], self._waiting[size:]
        return piece
