"""Where the next page of a list begins, as a text that says nothing to who gets it.

A cursor holds the place of the last row of a page, and of what list: with another range or measure it is refused
instead of continuing somewhere else.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence

from myi_pipelines.serving.api.problems import BAD_CURSOR, BadCursor

LONGEST = 512
_BIGGEST = 2**63 - 1


def encoded(place: Sequence[int | str], of: object) -> str:
    """The cursor of a place in the list that ``of`` tells from others.

    >>> encoded([412, 9], "songs of 2024")
    'WyI2ZWVmNyIsNDEyLDld'
    """
    text = json.dumps([_digest(of), *place], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decoded(cursor: str, types: Sequence[type], of: object) -> list[int | str]:
    """The place that a cursor of the same list holds, of values of these types. Raises BadCursor.

    >>> decoded('WyI2ZWVmNyIsNDEyLDld', (int, int), "songs of 2024")
    [412, 9]
    """
    try:
        padded = cursor[:LONGEST] + "=" * (-len(cursor[:LONGEST]) % 4)
        values = json.loads(base64.b64decode(padded, b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise BadCursor(BAD_CURSOR.text) from None
    if not isinstance(values, list) or len(values) != len(types) + 1 or values[0] != _digest(of):
        raise BadCursor(BAD_CURSOR.text)
    place: list[int | str] = values[1:]
    for value, expected in zip(place, types, strict=True):
        if type(value) is not expected or not _is_possible(value):
            raise BadCursor(BAD_CURSOR.text)
    return place


def _is_possible(value: int | str) -> bool:
    """Whether PostgreSQL can hold it: anybody can make a cursor up."""
    if isinstance(value, int):
        return -_BIGGEST <= value <= _BIGGEST
    return value.isprintable()


def _digest(of: object) -> str:
    return hashlib.sha256(repr(of).encode()).hexdigest()[:5]
