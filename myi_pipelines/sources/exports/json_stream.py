"""The rows of a JSON array, a chunk at a time, from bytes that arrive in pieces. Knows JSON, but not what a row means.

A chunk is cut after the last `}` that has arrived, and decoded as an array of its own. JSON is read left to right, so a
chunk that decodes was cut between two rows: had the cut been inside a string or a nested object, the decoder would have
met the end of its input there. Only when it fails, for whatever reason, are the rows of that chunk walked one by one.
"""

import re
from collections.abc import Callable, Iterator
from json import JSONDecodeError, JSONDecoder
from typing import Final, Generic, NamedTuple, TypeVar

from myi_pipelines.sources.exports.errors import HistoryError

CHUNK_BYTES: Final = 256 * 1024
"""About what a core's cache holds; measured to be faster than 64 KiB and than 1 MiB."""

MAX_ROW_BYTES: Final = 4 * 1024 * 1024
"""A row is some 700 bytes. One that has not ended by here never will: a quote or a bracket is missing."""

_AGAIN: Final = "unpack or download a fresh copy of the file and import that"
_SPACE: Final = re.compile(r"[ \t\n\r]*")
_BOM: Final = b"\xef\xbb\xbf"

Row = TypeVar("Row")


class NotJson(HistoryError):
    """The text stops being JSON at a place that the message names."""


class TruncatedJson(NotJson):
    """The text ends before its array does."""


class EmptyFile(NotJson):
    """There is no text at all."""


class NotAnArray(HistoryError):
    """The text may be JSON, but is no array of rows."""


class Chunk(NamedTuple, Generic[Row]):
    """Consecutive rows: all in `rows`, or, when one did not fit the decoder's type, all as plain values in `loose`."""

    rows: list[Row]
    loose: list[object]
    bytes_read: int
    """How far into the text these rows end."""


def row_chunks(
    read: Callable[[int], bytes],
    decode: Callable[[bytearray], list[Row]],
    where: str,
    *,
    chunk_bytes: int = CHUNK_BYTES,
) -> Iterator[Chunk[Row]]:
    """Yield the rows of the array that `read(size)` hands out in pieces, in order; an empty piece is the end.

    `decode` turns the bytes of an array of whole rows into rows, and raises ValueError when one does not fit. Bytes
    that are not UTF-8 come out of `loose` rows as lone surrogates. `where` names the text in errors.

    Raises NotAnArray, NotJson or TruncatedJson as soon as the text shows itself to be so.
    """
    text = _Text(read, where, chunk_bytes)
    text.open_array()
    while text.at_row:
        cut = text.buffer.rfind(b"}") + 1
        if cut:
            rest = text.buffer[cut:]
            text.buffer[cut:] = b"]"
            try:
                rows = decode(text.buffer)
            except (ValueError, RecursionError):
                text.buffer[cut:] = rest
            else:
                text.buffer = rest
                text.rows_passed(len(rows), cut)
                yield Chunk(rows, [], text.offset)
                continue
        loose = text.walk_rows()
        if loose:
            yield Chunk([], loose, text.offset)
    text.close_array()


class _Problem(NamedTuple):
    """Why a row cannot be decoded, and where in the text."""

    what: str
    at: int


class _Text:
    """Where the reading of the text stands.

    While `at_row`, `buffer` starts with a `[`, the array's own or one put over the comma in front of a row, and goes on
    as the rows do. `offset` counts the text's bytes in front of `buffer`.
    """

    def __init__(self, read: Callable[[int], bytes], where: str, chunk_bytes: int) -> None:
        self.buffer = bytearray()
        self.offset = 0
        self.at_row = False
        self._rows = 0
        self._ended = False
        self._read = read
        self._where = where
        self._chunk_bytes = chunk_bytes

    def open_array(self) -> None:
        """Go to the first row, or past an array that has none."""
        self._more()
        while len(self.buffer) < len(_BOM) and not self._ended:
            self._more()
        if self.buffer.startswith(_BOM):
            self._drop(len(_BOM))
        first = self._next_byte()
        if first is None:
            raise EmptyFile(f"{self._where}: is empty; {_AGAIN}")
        if first == b"{":
            raise NotAnArray(
                f"{self._where}: is one JSON object, but a history is an array of rows; "
                "import the files that Spotify sent"
            )
        if first != b"[":
            what = f"not JSON (it starts with {_shown(first)})"
            raise NotJson(f"{self._where}: byte {self.offset + 1:,}: {what}; {_AGAIN}")
        self._drop(1)
        if self._next_byte() == b"]":
            return
        self._put_bracket()

    def rows_passed(self, rows: int, size: int) -> None:
        """Rows, `size` bytes with their bracket, have been taken off the buffer: go to the row after them, if any."""
        self._rows += rows
        self.offset += size
        follower = self._next_byte()
        if follower is None:
            raise self._truncated(f"after row {self._rows:,}")
        if follower == b",":
            self._drop(1)
            self._put_bracket()
            self._more()
        elif follower == b"]":
            self.at_row = False
        else:
            raise self._broken(self._rows, self.offset, "expecting a comma or ] after the row")

    def walk_rows(self) -> list[object]:
        """Take the whole rows at the front off the buffer, one by one, as plain values; none when more must arrive."""
        text = self.buffer[1:].decode("utf-8", "surrogateescape")
        rows: list[object] = []
        end = after = 0
        problem: _Problem | None = None
        at = _skip_space(text, 0)
        while at < len(text):
            try:
                row, end_of_row = _LENIENT.raw_decode(text, at)
            except JSONDecodeError as error:
                problem = _Problem(error.msg, error.pos)  # the error itself would hold on to this frame, and this to it
                break
            except RecursionError:
                problem = _Problem("nested too deeply", at)
                break
            after = _skip_space(text, end_of_row)
            if after == len(text) and not self._ended and not isinstance(row, dict):
                break  # the first digits of a number, perhaps
            rows.append(row)
            end = end_of_row
            if text[after : after + 1] != ",":
                break
            at = _skip_space(text, after + 1)
        if rows:
            size = 1 + _byte_length(text[:end])
            del self.buffer[:size]
            self.rows_passed(len(rows), size)
        elif self._ended or len(self.buffer) > MAX_ROW_BYTES:
            raise self._unreadable_row(text, problem)
        else:
            self._more()
        return rows

    def close_array(self) -> None:
        """Take the closing bracket and make sure that nothing but space comes after it."""
        self._next_byte()
        self._drop(1)
        if self._next_byte() is not None:
            raise NotJson(
                f"{self._where}: byte {self.offset + 1:,}: more text after the ] that closes the array; "
                "keep one array a file, or import an unchanged copy"
            )

    def _put_bracket(self) -> None:
        """Start a row: the byte just dropped, `[` or a comma, becomes the buffer's bracket."""
        self.buffer[:0] = b"["
        self.offset -= 1
        self.at_row = True

    def _next_byte(self) -> bytes | None:
        """The next byte that is not space, with everything in front of it dropped; None at the end of the text."""
        while True:
            spaces = len(self.buffer) - len(self.buffer.lstrip(b" \t\n\r"))
            if spaces:
                self._drop(spaces)
            if self.buffer:
                return bytes(self.buffer[:1])
            if self._ended:
                return None
            self._more()

    def _drop(self, size: int) -> None:
        del self.buffer[:size]
        self.offset += size

    def _more(self) -> None:
        piece = self._read(self._chunk_bytes)
        self.buffer += piece
        self._ended = not piece

    def _unreadable_row(self, text: str, problem: _Problem | None) -> NotJson:
        """Why no whole row stands at the front of `text`: it was cut off there, or is not JSON."""
        row = self._rows + 1
        if problem is None:
            return self._truncated(f"in front of row {row:,}")
        near_end = len(text) - problem.at < len("\\uffff\\uffff")
        if near_end or problem.what.startswith("Unterminated string"):
            if not self._ended:
                return self._broken(row, self.offset + 1, f"no end of the row within {MAX_ROW_BYTES:,} bytes")
            if not text.rstrip().endswith("]"):
                return self._truncated(f"in row {row:,}")
        return self._broken(row, self.offset + 1 + _byte_length(text[: problem.at]), problem.what.lower())

    def _truncated(self, place: str) -> TruncatedJson:
        end = self.offset + len(self.buffer)
        return TruncatedJson(f"{self._where}: is cut off {place} (byte {end:,} is the last); {_AGAIN}")

    def _broken(self, row: int, offset: int, what: str) -> NotJson:
        return NotJson(f"{self._where}: row {row:,} (byte {offset + 1:,}): not valid JSON ({what}); {_AGAIN}")


def _whole_number(digits: str) -> int | float:
    """Python refuses to read integers of thousands of digits, which would lose the row's place: those become floats."""
    return int(digits) if len(digits) <= 20 else float(digits)


_LENIENT: Final = JSONDecoder(strict=False, parse_int=_whole_number)


def _skip_space(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


def _byte_length(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))


def _shown(byte: bytes) -> str:
    return f'"{byte.decode()}"' if b" " < byte <= b"~" else f"the byte 0x{byte.hex()}"
