"""How the rows of a history lie in a file: in an array, in a line each, or in a table. Knows no format."""

import csv
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

import msgspec

from myi_pipelines.sources.exports.batches import BadRow
from myi_pipelines.sources.exports.json_stream import (
    CHUNK_BYTES,
    MAX_ROW_BYTES,
    Chunk,
    NotJson,
    TruncatedJson,
    row_chunks,
)
from myi_pipelines.sources.exports.plays import MALFORMED

_AGAIN: Final = "unpack or download a fresh copy of the file and import that"
_BOM: Final = b"\xef\xbb\xbf"

Read = Callable[[int], bytes]


@dataclass(frozen=True)
class JsonArray:
    """The rows are the objects of an array, which is the file, or a value in the object that is the file."""

    under: re.Pattern[bytes] | None = None
    """Matches the bytes up to the `[` of an array that is a value."""

    def chunks(self, read: Read, row_type: Any, where: str, /) -> Iterator[Chunk[Any]]:
        return row_chunks(read, msgspec.json.Decoder(list[row_type]).decode, where, under=self.under)


@dataclass(frozen=True)
class JsonLines:
    """Each line is an object that is a row. A line that is none is a bad row; only the last one may say that the file
    was cut off."""

    def chunks(self, read: Read, row_type: Any, where: str, /) -> Iterator[Chunk[Any]]:
        decode = msgspec.json.Decoder(row_type).decode_lines
        for lines, end, is_last in _whole_lines(read, where):
            try:
                yield Chunk(decode(lines), [], end)
            except (ValueError, RecursionError):
                rows = [_json_of(line) for line in lines.split(b"\n") if line.strip()]
                if is_last and not lines.endswith(b"\n") and isinstance(rows[-1], BadRow):
                    raise TruncatedJson(
                        f"{where}: is cut off in its last line (byte {end:,} is the last); {_AGAIN}"
                    ) from None
                yield Chunk([], rows, end)


@dataclass(frozen=True)
class Table:
    """Each line is a row of a table whose cells are separated by a sign, as in CSV. A cell holds no line break, so a
    quotation mark too many damages one row only."""

    separator: str
    columns: tuple[str | None, ...]
    """Of each column, the field of a row that it is; None for one that is not read."""
    has_header: bool

    def chunks(self, read: Read, row_type: Any, where: str, /) -> Iterator[Chunk[Any]]:
        is_header = self.has_header
        fields = row_type.__struct_fields__
        at = [self.columns.index(field) if field in self.columns else -1 for field in fields]
        cells_of_row = itemgetter(*at)
        for lines, end, _ in _whole_lines(read, where):
            text = lines.decode("utf-8", "surrogateescape").replace("\r\n", "\n").removesuffix("\n")
            cells = self.rows_of([line for line in text.split("\n") if line])
            if is_header and cells:
                is_header = False
                del cells[0]
            rows = [
                row_type(*cells_of_row([*row, None])) if len(row) == len(self.columns) else self._bad_row(row)
                for row in cells
            ]
            is_whole = not any(isinstance(row, BadRow) for row in rows)
            yield Chunk(rows if is_whole else [], [] if is_whole else rows, end)

    def rows_of(self, lines: Sequence[str]) -> list[list[str]]:
        """The cells of each line; none for a line that cannot be split into cells."""
        try:
            rows = list(csv.reader(lines, delimiter=self.separator))
        except csv.Error:
            rows = []
        return rows if len(rows) == len(lines) else [self._cells(line) for line in lines]

    def _cells(self, line: str) -> list[str]:
        try:
            rows = list(csv.reader([line], delimiter=self.separator))
        except csv.Error:
            return []
        return rows[0] if len(rows) == 1 else []

    def _bad_row(self, cells: list[str]) -> BadRow:
        columns = f"{len(cells)} columns" if cells else "no columns with names that differ"
        return BadRow(MALFORMED, f"has {columns} (expected {len(self.columns)})")


def _whole_lines(read: Read, where: str) -> Iterator[tuple[bytes, int, bool]]:
    """Whole lines, the place in the text at which they end, and whether they are the last."""
    rest, offset = b"", 0
    while piece := read(CHUNK_BYTES):
        rest += piece
        if offset == 0:
            if len(rest) < len(_BOM):
                continue
            offset = len(_BOM) if rest.startswith(_BOM) else 0
            rest = rest.removeprefix(_BOM)
        cut = rest.rfind(b"\n") + 1
        if cut:
            offset += cut
            yield rest[:cut], offset, False
            rest = rest[cut:]
        elif len(rest) > MAX_ROW_BYTES:
            raise NotJson(f"{where}: byte {offset + 1:,}: no end of the row within {MAX_ROW_BYTES:,} bytes; {_AGAIN}")
    if rest.strip():
        yield rest, offset + len(rest), True


def _json_of(line: bytes) -> object:
    try:
        return json.loads(line.decode("utf-8", "surrogateescape"), strict=False)
    except (ValueError, RecursionError):
        return BadRow(MALFORMED, "is not JSON")
