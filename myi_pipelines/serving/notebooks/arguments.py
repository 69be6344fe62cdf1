"""What the methods of ``Listening`` can be given; one line of ValueError for everything else."""

from __future__ import annotations

from collections.abc import Collection
from numbers import Integral
from typing import Any

LARGEST = 2**63 - 1
"""No id is larger."""


def require_one_of(name: str, value: object, choices: Collection[str]) -> None:
    """Raise ValueError for what is none of the choices."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name}={value!r}: expected one of {', '.join(map(repr, choices))}")


def require_text(name: str, value: object, example: str) -> None:
    """Raise ValueError for what is no text, or none that PostgreSQL can hold."""
    if not isinstance(value, str) or "\0" in value:
        raise ValueError(f"{name}={value!r}: expected a text such as {example!r}")


def rows_of(name: str, value: Any, *, or_all: bool = False) -> int:
    """A number of rows, also one of NumPy. Raises ValueError for what is none, or under 1."""
    if not _is_whole(value) or value < 1:
        raise ValueError(f"{name}={value!r}: expected 1 or more rows{', or None for all' if or_all else ''}")
    return int(value)


def id_of(name: str, value: Any) -> int | None:
    """An id of an artist or an album, also one of NumPy. Raises ValueError for a name or anything else that is none."""
    if value is None:
        return None
    if not _is_whole(value) or not 0 < value <= LARGEST:
        raise ValueError(f"{name}={value!r}: expected an id, which search() finds by name")
    return int(value)


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)
