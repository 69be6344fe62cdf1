"""Detect what a file contains from its first bytes: a history in one of the formats listed here, or something else.

Ignores the names of files, and does not check any row.
"""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from enum import Enum
from io import BytesIO
from typing import Final, NamedTuple

from myi_pipelines.sources.exports.account_data import ACCOUNT
from myi_pipelines.sources.exports.extended_history import EXTENDED
from myi_pipelines.sources.exports.gzip_files import GZIP_MARK
from myi_pipelines.sources.exports.history_formats import HistoryFormat, Layout
from myi_pipelines.sources.exports.json_stream import EmptyFile, NotAnArray, NotJson
from myi_pipelines.sources.exports.koito import KOITO
from myi_pipelines.sources.exports.last_fm import IN_PAGES, LAST_FM, PAGES, table_of
from myi_pipelines.sources.exports.layouts import JsonArray, JsonLines
from myi_pipelines.sources.exports.listenbrainz import LISTENBRAINZ
from myi_pipelines.sources.exports.maloja import MALOJA
from myi_pipelines.sources.exports.myi_history import MYI
from myi_pipelines.sources.exports.parquet_files import PARQUET_MARK
from myi_pipelines.sources.exports.your_spotify import YOUR_SPOTIFY
from myi_pipelines.sources.exports.zip_members import Stream

FORMATS: Final = (EXTENDED, ACCOUNT, LISTENBRAINZ, LAST_FM, MALOJA, KOITO, YOUR_SPOTIFY, MYI)
"""Every format of a history that is read."""

_HEAD_BYTES: Final = 16 * 1024
_MAX_BYTES: Final = 1024 * 1024
_MAX_ROWS: Final = 100
_TABLE_LINES: Final = 20
_SPACE_AND_BOM: Final = b"\xef\xbb\xbf \t\r\n"
_UNDER: Final = re.compile(rb'"(?:scrobbles|listens|list|track)"\s*:\s*\[')
"""The keys under which services put their rows."""
_KEY: Final = re.compile(rb'"(\w{1,64})"\s*:')

_HASH_KEY: Final = secrets.token_bytes(32)
"""Nobody else has it, and it is gone with the process. So a hash of an account's name says nothing of the name."""


class Content(Enum):
    """What a file contains."""

    HISTORY = "a history"
    OTHER = "an array of something else"
    NOT_AN_ARRAY = "JSON, but no array"
    NOT_JSON = "no JSON, or broken in its first rows"
    EMPTY = "nothing"
    ZIP = "a ZIP"
    GZIP = "a file packed with gzip"
    PARQUET = "a Parquet file"


class Found(NamedTuple):
    """A history that was detected."""

    format: HistoryFormat
    layout: Layout
    account: bytes | None = None
    """A hash of the Spotify account that the first rows name, to compare with others in this process."""


class DetectedFormat(NamedTuple):
    content: Content
    encoding: str
    """Python's name of the encoding: utf-8 or utf-8-sig; or a UTF-16 or UTF-32, which is not supported."""
    head: bytes
    """The first bytes."""
    history: Found | None = None

    @property
    def is_utf8(self) -> bool:
        return self.encoding.startswith("utf-8")

    @property
    def utf8_head(self) -> bytes:
        """The first bytes as they would be in UTF-8."""
        return self.head if self.is_utf8 else self.head.decode(self.encoding, "ignore").encode()


def detect_format(stream: Stream) -> DetectedFormat:
    """Read only as much of `stream` as the detection needs."""
    head = stream.read(_HEAD_BYTES)
    encoding = json.detect_encoding(head)
    if head.startswith(b"PK\x03\x04"):
        return DetectedFormat(Content.ZIP, encoding, head)
    if head.startswith(GZIP_MARK):
        return DetectedFormat(Content.GZIP, encoding, head)
    if head.startswith(PARQUET_MARK):
        return DetectedFormat(Content.PARQUET, encoding, head)
    detected = DetectedFormat(Content.OTHER, encoding, head)
    found = _find(detected.utf8_head, stream if detected.is_utf8 else BytesIO())
    if isinstance(found, Content):
        return detected._replace(content=found)
    return detected._replace(content=Content.HISTORY, history=found)


def has_history_keys(head: bytes) -> bool:
    """Whether the keys of a history are anywhere in the first bytes of a file that cannot be decoded."""
    return _by_keys(head) is not None


def _find(head: bytes, stream: Stream) -> Found | Content:
    """The history in a file, or what else it is."""
    text = head.lstrip(_SPACE_AND_BOM)
    if text.startswith(b"{"):
        layouts: tuple[Layout, ...] = (JsonArray(_UNDER), JsonLines()) if _UNDER.search(text) else (JsonLines(),)
        for layout in layouts:
            found = _among_rows(layout, head, BytesIO())
            if isinstance(found, Found):
                return found
    elif not text.startswith(b"[") and (table := table_of(_first_lines(head))):
        return Found(LAST_FM, table)
    return _among_rows(PAGES if IN_PAGES.match(text) else JsonArray(), head, stream)


def _among_rows(layout: Layout, head: bytes, stream: Stream) -> Found | Content:
    """The history among the first rows of a file, if they lie in it like that, or what it is."""
    try:
        for number, row in enumerate(_first_rows(layout, head, stream)):
            if isinstance(row, dict) and (history := _by_row(row.keys())):
                return Found(history, layout, _account_hash(row.get("username")))
            if number == _MAX_ROWS or isinstance(layout, JsonLines):
                break
    except EmptyFile:
        return Content.EMPTY
    except NotAnArray:
        return Content.NOT_AN_ARRAY
    except NotJson:
        # The first row is broken or very long. Its keys show which history it is. Reading the rows then finds the error
        # and its place.
        is_rows = head.lstrip(_SPACE_AND_BOM).startswith((b"[", b"{"))
        history = _by_keys(head) if is_rows else None
        return Found(history, layout) if history else Content.NOT_JSON
    return Content.OTHER


def _account_hash(name: object) -> bytes | None:
    """A hash that nobody can compute again once this process has ended."""
    if not isinstance(name, str) or not name.strip():
        return None
    return hmac.digest(_HASH_KEY, name.strip().encode("utf-8", "surrogatepass"), hashlib.sha256)


def _first_rows(layout: Layout, head: bytes, stream: Stream) -> Iterator[object]:
    """The first rows of the file that starts with `head` and continues in `stream`, as plain values."""
    left = _MAX_BYTES

    def read(size: int) -> bytes:
        nonlocal head, left
        piece, head = head, b""
        if not piece and left > 0:
            piece = stream.read(min(size, left))
            left -= len(piece)
        return piece

    for chunk in layout.chunks(read, dict[str, object], ""):
        yield from chunk.rows or chunk.untyped


def _first_lines(head: bytes) -> list[str]:
    """The lines at the start of a text that are whole; none if it is no text."""
    text = head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    if "\x00" in text:
        return []
    whole = text if len(head) < _HEAD_BYTES else text[: text.rfind("\n") + 1]
    return [line.removesuffix("\r") for line in whole.split("\n") if line.strip()][:_TABLE_LINES]


def _by_keys(head: bytes) -> HistoryFormat | None:
    """The format that the keys of first bytes show which cannot be decoded."""
    return _by_row({key.decode() for key in _KEY.findall(head)})


def _by_row(keys: AbstractSet[str]) -> HistoryFormat | None:
    """The format whose rows have such keys."""
    return next((one for one in FORMATS if one.is_row(keys)), None)
