"""Detect what a file contains from its first bytes: one of Spotify's histories, or something else.

Ignores the names of files, and does not check any row.
"""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterable, Iterator
from enum import Enum
from io import BytesIO
from typing import Final, NamedTuple

import msgspec

from myi_pipelines.sources.exports.gzip_files import GZIP_MARK
from myi_pipelines.sources.exports.json_stream import EmptyFile, NotAnArray, NotJson, row_chunks
from myi_pipelines.sources.exports.zip_members import Stream

_HEAD_BYTES: Final = 16 * 1024
_MAX_BYTES: Final = 1024 * 1024
_MAX_ROWS: Final = 100
_ARRAY: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*\[")
_KEY: Final = re.compile(rb'"(\w{1,64})"\s*:')
_DECODE: Final = msgspec.json.Decoder(list[object]).decode

_EXTENDED_TIMES: Final = frozenset({"ts", "ms_played"})
_EXTENDED_KEYS: Final = _EXTENDED_TIMES | {"spotify_track_uri", "master_metadata_track_name", "conn_country"}
_ACCOUNT_TIMES: Final = frozenset({"endTime", "msPlayed"})
_ACCOUNT_KEYS: Final = _ACCOUNT_TIMES | {"trackName", "artistName", "podcastName", "episodeName", "audiobookName"}
_OLD_ACCOUNT_KEYS: Final = frozenset({"trackName", "artistName", "time"})
"""Of before December 2018."""

_HASH_KEY: Final = secrets.token_bytes(32)
"""Nobody else has it, and it is gone with the process. So a hash of an account's name says nothing of the name."""


class Content(Enum):
    """What a file contains."""

    EXTENDED = "extended"
    ACCOUNT = "account"
    OTHER = "an array of something else"
    NOT_AN_ARRAY = "JSON, but no array"
    NOT_JSON = "no JSON, or broken in its first rows"
    EMPTY = "nothing"
    ZIP = "a ZIP"
    GZIP = "a file packed with gzip"


class DetectedFormat(NamedTuple):
    content: Content
    encoding: str
    """Python's name of the encoding: utf-8 or utf-8-sig; or a UTF-16 or UTF-32, which is not supported."""
    head: bytes
    """The first bytes."""
    account: bytes | None
    """A hash of the Spotify account that the first rows of a history name, to compare with others in this process."""

    @property
    def is_history(self) -> bool:
        return self.content in (Content.EXTENDED, Content.ACCOUNT)

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
        return DetectedFormat(Content.ZIP, encoding, head, None)
    if head.startswith(GZIP_MARK):
        return DetectedFormat(Content.GZIP, encoding, head, None)
    detected = DetectedFormat(Content.OTHER, encoding, head, None)
    content, account = _content(detected.utf8_head, stream if detected.is_utf8 else BytesIO())
    return detected._replace(content=content, account=account)


def has_history_keys(head: bytes) -> bool:
    """Whether the keys of a history are anywhere in the first bytes of a file that cannot be decoded."""
    return _history({key.decode() for key in _KEY.findall(head)}) is not None


def _content(head: bytes, stream: Stream) -> tuple[Content, bytes | None]:
    """The content, and of a history the account that it is of."""
    try:
        for number, row in enumerate(_first_rows(head, stream)):
            if isinstance(row, dict) and (history := _history(row.keys())):
                return history, _account_hash(row.get("username"))
            if number == _MAX_ROWS:
                break
    except EmptyFile:
        return Content.EMPTY, None
    except NotAnArray:
        return Content.NOT_AN_ARRAY, None
    except NotJson:
        # The first row is broken or very long. Its keys show which history it is. Reading the rows then finds the error
        # and its place.
        keys = {key.decode() for key in _KEY.findall(head)} if _ARRAY.match(head) else set()
        return _history(keys) or Content.NOT_JSON, None
    return Content.OTHER, None


def _account_hash(name: object) -> bytes | None:
    """A hash that nobody can compute again once this process has ended."""
    if not isinstance(name, str) or not name.strip():
        return None
    return hmac.digest(_HASH_KEY, name.strip().encode("utf-8", "surrogatepass"), hashlib.sha256)


def _first_rows(head: bytes, stream: Stream) -> Iterator[object]:
    """The first rows of the array that starts with `head` and continues in `stream`, as plain values."""
    left = _MAX_BYTES

    def read(size: int) -> bytes:
        nonlocal head, left
        piece, head = head, b""
        if not piece and left > 0:
            piece = stream.read(min(size, left))
            left -= len(piece)
        return piece

    for chunk in row_chunks(read, _DECODE, "", chunk_bytes=_HEAD_BYTES):
        yield from chunk.rows or chunk.untyped


def _history(keys: Iterable[str]) -> Content | None:
    """The history whose rows have such keys. Some keys may be missing, but at least two must be there."""
    keys = set(keys)
    if keys & _EXTENDED_TIMES and len(keys & _EXTENDED_KEYS) > 1:
        return Content.EXTENDED
    if keys & _ACCOUNT_TIMES and len(keys & _ACCOUNT_KEYS) > 1:
        return Content.ACCOUNT
    return Content.ACCOUNT if keys >= _OLD_ACCOUNT_KEYS else None
