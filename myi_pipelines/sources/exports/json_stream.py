"""Read the rows of a JSON array in chunks, from bytes that arrive in pieces. Knows JSON, but not what a row means.

A chunk ends where the last whole row seems to end, and is decoded as an array. A decoder reads from left to right: if
the cut were inside a string or a nested object, the decoder would reach the end of its input there and fail. So a chunk
that decodes ends between two rows. When the decoder fails, for any reason, the rows of that chunk are read one by one.
"""

import re
from collections.abc import Callable, Iterator
from json import JSONDecodeError, JSONDecoder
from typing import Final, Generic, NamedTuple, TypeVar

from myi_pipelines.sources.exports.export_errors import ExportError

CHUNK_BYTES: Final = 256 * 1024
"""About the size of a core's cache. Measured: faster than 64 KiB and than 1 MiB."""

MAX_ROW_BYTES: Final = 4 * 1024 * 1024
"""A row has about 700 bytes. A row without an end after this many bytes has no end: a quote or a bracket is missing."""

_AGAIN: Final = "unpack or download a fresh copy of the file and import that"
_SPACE: Final = re.compile(r"[ \t\n\r]*")
_ROW_START: Final = re.compile(rb'\[\s*(?:\{\s*("(?:[^"\\]|\\.)*")|(\[))')
_BEFORE_KEY: Final = re.compile(rb"\}\s*,\s*\{\s*\Z")
_BEFORE_LIST: Final = re.compile(rb"\]\s*,\s*\Z")
_LONGEST_GAP: Final = 256
"""Bytes between two rows: a comma, brackets and space."""
_STARTS_TRIED: Final = 2_000
"""Within a row, what begins it may occur again, such as the bracket of a list."""
_BOM: Final = b"\xef\xbb\xbf"

Row = TypeVar("Row")


class NotJson(ExportError):
    """The text is not valid JSON at the place that the message names."""


class TruncatedJson(NotJson):
    """The text ends before its array does."""


class EmptyFile(NotJson):
    """There is no text."""


class NotAnArray(ExportError):
    """The text may be JSON, but is not an array of rows."""

    is_no_history = True


class Chunk(NamedTuple, Generic[Row]):
    """Consecutive rows. All are in `rows`; or, if one does not fit the decoder's type, all are in `untyped`."""

    rows: list[Row]
    untyped: list[object]
    bytes_read: int
    """The position in the text at which these rows end."""


def row_chunks(
    read: Callable[[int], bytes],
    decode: Callable[[bytearray], list[Row]],
    where: str,
    *,
    under: re.Pattern[bytes] | None = None,
    chunk_bytes: int = CHUNK_BYTES,
) -> Iterator[Chunk[Row]]:
    """Yield the rows of the array that `read(size)` returns in pieces, in order. An empty piece is the end.

    `decode` turns the bytes of an array of whole rows into rows, and raises ValueError when a row does not fit. Bytes
    that are not UTF-8 become lone surrogates in `untyped` rows. `where` names the text in errors. If the array is a
    value in an object, `under` matches the bytes that end with its `[`.

    Raises NotAnArray, NotJson or TruncatedJson as soon as it finds the fault.
    """
    text = _Text(read, where, chunk_bytes)
    text.open_array(under)
    while text.at_row:
        cut = text.likely_end()
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
        untyped = text.walk_rows()
        if untyped:
            yield Chunk([], untyped, text.offset)
    text.close_array(in_object=under is not None)


class _Problem(NamedTuple):
    """Why a row cannot be decoded, and where in the text."""

    what: str
    at: int


class _Text:
    """The state of reading the text.

    While `at_row` is true, `buffer` starts with a `[` and continues with rows. The `[` is the array's own, or replaces
    the comma in front of a row. `offset` counts the bytes of the text before `buffer`.
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
        self._row_start: bytes | None = None
        """The first key of the first row, or its bracket: other rows are likely to begin alike."""

    def open_array(self, under: re.Pattern[bytes] | None) -> None:
        """Go to the first row, or past an empty array."""
        self._read_more()
        while len(self.buffer) < len(_BOM) and not self._ended:
            self._read_more()
        if self.buffer.startswith(_BOM):
            self._drop(len(_BOM))
        if under is not None:
            self._enter_object(under)
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

    def _enter_object(self, under: re.Pattern[bytes]) -> None:
        """Go to the array in the object, as far as bytes that are no longer than a row lead to it."""
        while (start := under.search(self.buffer)) is None and not self._ended and len(self.buffer) < MAX_ROW_BYTES:
            self._read_more()
        if start is not None:
            self._drop(start.end() - 1)

    def likely_end(self) -> int:
        """The place in the buffer where the last whole row seems to end; 0 if none does.

        It is before a row that begins like the first one: the last `}` may be within a row that has arrived in part.
        """
        if self._row_start is None:
            first = _ROW_START.match(self.buffer)
            self._row_start = first[1] or first[2] if first else b""
        is_list = self._row_start == b"["
        before = _BEFORE_LIST if is_list else _BEFORE_KEY
        start = len(self.buffer)
        for _ in range(_STARTS_TRIED if self._row_start else 0):
            start = self.buffer.rfind(self._row_start, 0, start)
            gap_at = max(0, start - _LONGEST_GAP)
            if start <= 0:
                break
            if gap := before.search(self.buffer[gap_at:start]):
                return gap_at + gap.start() + 1
        return 0 if is_list else self.buffer.rfind(b"}") + 1

    def rows_passed(self, rows: int, size: int) -> None:
        """Go to the next row, if there is one, after `rows` rows of `size` bytes left the buffer with their bracket."""
        self._rows += rows
        self.offset += size
        follower = self._next_byte()
        if follower is None:
            raise self._truncated(f"after row {self._rows:,}")
        if follower == b",":
            self._drop(1)
            self._put_bracket()
            self._read_more()
        elif follower == b"]":
            self.at_row = False
        else:
            raise self._broken(self._rows, self.offset, "expecting a comma or ] after the row")

    def walk_rows(self) -> list[object]:
        """Remove whole rows from the front of the buffer, one by one, and return them as plain values.

        Returns an empty list when more bytes must arrive first.
        """
        text = self.buffer[1:].decode("utf-8", "surrogateescape")
        rows: list[object] = []
        end = after = 0
        problem: _Problem | None = None
        at = _skip_space(text, 0)
        while at < len(text):
            try:
                row, end_of_row = _LENIENT.raw_decode(text, at)
            except JSONDecodeError as error:
                problem = _Problem(
                    error.msg, error.pos
                )  # keeping the error would make a reference cycle with the frame
                break
            except RecursionError:
                problem = _Problem("nested too deeply", at)
                break
            after = _skip_space(text, end_of_row)
            if after == len(text) and not self._ended and not isinstance(row, dict):
                break  # it may be only the first digits of a number
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
            self._double()
        return rows

    def close_array(self, *, in_object: bool) -> None:
        """Remove the closing bracket and check that only space follows it, or the rest of the object."""
        self._next_byte()
        self._drop(1)
        if in_object:
            self._pass_rest()
        follows = self._next_byte()
        if follows == b"\0":
            raise NotJson(
                f"{self._where}: byte {self.offset + 1:,}: zero bytes after its rows, as if not copied whole; {_AGAIN}"
            )
        if follows is not None:
            raise NotJson(
                f"{self._where}: byte {self.offset + 1:,}: more text after the ] that closes the array; "
                "keep one array a file, or import an unchanged copy"
            )

    def _pass_rest(self) -> None:
        """Drop everything to the end, which must be the end of an object."""
        last = b""
        while self._next_byte() is not None:
            last = bytes(self.buffer.rstrip()[-1:])
            self._drop(len(self.buffer))
        if last != b"}":
            raise self._truncated("after its rows")

    def _put_bracket(self) -> None:
        """Start a row: put a `[` in place of the byte just dropped, which was `[` or a comma."""
        self.buffer[:0] = b"["
        self.offset -= 1
        self.at_row = True

    def _next_byte(self) -> bytes | None:
        """The next byte that is not space, after dropping all space before it. None at the end of the text."""
        while True:
            spaces = len(self.buffer) - len(self.buffer.lstrip(b" \t\n\r"))
            if spaces:
                self._drop(spaces)
            if self.buffer:
                return bytes(self.buffer[:1])
            if self._ended:
                return None
            self._read_more()

    def _drop(self, size: int) -> None:
        del self.buffer[:size]
        self.offset += size

    def _read_more(self) -> None:
        piece = self._read(self._chunk_bytes)
        self.buffer += piece
        self._ended = not piece

    def _double(self) -> None:
        """Read as much again: a long row is then decoded a few times until it has arrived, not once a piece."""
        enough = min(2 * len(self.buffer), max(len(self.buffer), MAX_ROW_BYTES) + 1)
        while len(self.buffer) < enough and not self._ended:
            self._read_more()

    def _unreadable_row(self, text: str, problem: _Problem | None) -> NotJson:
        """Why `text` does not start with a whole row: it is cut off there, or is not JSON."""
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
    """A number; a float if it has many digits. Python refuses to parse integers of thousands of digits."""
    return int(digits) if len(digits) <= 20 else float(digits)


_LENIENT: Final = JSONDecoder(strict=False, parse_int=_whole_number)


def _skip_space(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


def _byte_length(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))


def _shown(byte: bytes) -> str:
    return f'"{byte.decode()}"' if b" " < byte <= b"~" else f"the byte 0x{byte.hex()}"
