"""What a JSON file holds, told from its first bytes: one of the two histories, or something else.

Names of files are never looked at, and no row is judged.
"""

import json
import re
from collections.abc import Iterator
from enum import Enum
from io import BytesIO
from typing import Final, NamedTuple

import ijson  # type: ignore[import-untyped]

from myi_pipelines.history.archive import Stream

_HEAD_BYTES: Final = 16 * 1024
_MOST_BYTES: Final = 1024 * 1024
_MOST_ROWS: Final = 100
_BOM: Final = b"\xef\xbb\xbf"
_KEY: Final = re.compile(rb'"(\w{1,64})"\s*:')

_EXTENDED_TIMES: Final = frozenset({"ts", "ms_played"})
_EXTENDED_KEYS: Final = _EXTENDED_TIMES | {"spotify_track_uri", "master_metadata_track_name", "conn_country"}
_ACCOUNT_TIMES: Final = frozenset({"endTime", "msPlayed"})
_ACCOUNT_KEYS: Final = _ACCOUNT_TIMES | {"trackName", "artistName", "podcastName", "episodeName", "audiobookName"}


class Content(Enum):
    """What a file holds."""

    EXTENDED = "extended"
    ACCOUNT = "account"
    OTHER = "an array of something else"
    NOT_AN_ARRAY = "JSON, but no array"
    NOT_JSON = "no JSON, or broken in its first rows"
    EMPTY = "nothing"
    ZIP = "a ZIP"


class Recognized(NamedTuple):
    content: Content
    encoding: str
    """As Python names it: utf-8 or utf-8-sig; or a UTF-16 or UTF-32, which is not read."""

    @property
    def is_history(self) -> bool:
        return self.content in (Content.EXTENDED, Content.ACCOUNT)

    @property
    def is_utf8(self) -> bool:
        return self.encoding.startswith("utf-8")


def recognize(stream: Stream) -> Recognized:
    """Read as little of `stream` as tells what it holds."""
    head = stream.read(_HEAD_BYTES)
    encoding = json.detect_encoding(head)
    if not head.removeprefix(_BOM).strip() and len(head) < _HEAD_BYTES:
        return Recognized(Content.EMPTY, encoding)
    if head.startswith(b"PK\x03\x04"):
        return Recognized(Content.ZIP, encoding)
    if not encoding.startswith("utf-8"):
        text = head.decode(encoding, "ignore").encode()
        return Recognized(_content(_Start(text, BytesIO())), encoding)
    return Recognized(_content(_Start(head.removeprefix(_BOM), stream)), encoding)


class _Start:
    """The first part of a stream, as a file for ijson."""

    def __init__(self, head: bytes, stream: Stream) -> None:
        self.head = head
        self._pending = head
        self._stream = stream
        self._left = _MOST_BYTES

    def read(self, size: int = _HEAD_BYTES) -> bytes:
        if size == 0:  # ijson asks for nothing, to see whether bytes or text come
            return b""
        piece, self._pending = self._pending[:size], self._pending[size:]
        if not piece and self._left > 0:
            piece = self._stream.read(min(size, self._left))
            self._left -= len(piece)
        # No byte that is not UTF-8 may hide the keys that come after it.
        return piece.decode("utf-8", "replace").encode()


def _content(start: _Start) -> Content:
    try:
        for number, keys in enumerate(_keys_of_rows(start)):
            if history := _history(keys):
                return history
            if number == _MOST_ROWS:
                break
    except _TopLevelIsNoArray:
        return Content.NOT_AN_ARRAY
    except ijson.JSONError:
        # Strictly, this is no JSON. But a first row with a NaN or the like in it is forgiven later.
        if not start.head.lstrip().startswith(b"["):
            return Content.NOT_JSON
        return _history({key.decode() for key in _KEY.findall(start.head)}) or Content.NOT_JSON
    return Content.OTHER


class _TopLevelIsNoArray(Exception):
    pass


def _keys_of_rows(start: _Start) -> Iterator[set[str]]:
    """The keys of each object in an array. Raises _TopLevelIsNoArray, and JSONError where ijson finds no JSON."""
    keys: set[str] = set()
    for prefix, event, value in ijson.parse(start, buf_size=_HEAD_BYTES):
        if prefix == "" and event not in ("start_array", "end_array"):
            raise _TopLevelIsNoArray
        if prefix == "item" and event == "map_key":
            keys.add(value)
        elif prefix == "item" and event == "end_map":
            yield keys
            keys = set()


def _history(keys: set[str]) -> Content | None:
    """The history whose rows have such keys. Any may be missing, but not all that tell it."""
    if keys & _EXTENDED_TIMES and len(keys & _EXTENDED_KEYS) > 1:
        return Content.EXTENDED
    if keys & _ACCOUNT_TIMES and len(keys & _ACCOUNT_KEYS) > 1:
        return Content.ACCOUNT
    return None
