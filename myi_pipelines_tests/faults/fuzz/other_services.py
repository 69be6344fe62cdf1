"""Exports of other services, to be damaged: rows of each, and the forms in which their tools write them."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple

from myi_pipelines_tests.support.service_rows import (
    AT,
    koito,
    listen,
    malojan,
    scrobble,
    your_spotify,
)

Rows = list[Any]

_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?")
_WORDED_TIME = re.compile(r"\d\d [A-Z][a-z]{2} \d{4}, \d\d:\d\d")
"""As Last.fm says a time beside the second."""
_LATEST = 10**11

COLUMNS = ("uts", "utc_time", "artist", "artist_mbid", "album", "album_mbid", "track", "track_mbid")
"""Of the table that lastfm.ghan.nl makes of a history at Last.fm."""


class Form(NamedTuple):
    """How the rows of a service lie in its file."""

    row: Callable[[int, int], dict[str, Any]]
    """Of a second and a number."""
    write: Callable[[Rows], bytes]


def _text(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _lines(rows: Rows) -> bytes:
    return b"".join(_text(row) + b"\n" for row in rows)


def _moment(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def _table(rows: Rows) -> bytes:
    header = ",".join(COLUMNS) + "\n"
    cells = [[str(value) for value in row.values()] if isinstance(row, dict) else [str(row)] for row in rows]
    return (header + "".join(",".join(f'"{cell}"' for cell in row) + "\n" for row in cells)).encode("utf-8", "replace")


def _table_row(at: int, number: int) -> dict[str, Any]:
    return dict(zip(COLUMNS, (at, "", "Quill zz", "", "Tide zz", "", f"Alder {number}", ""), strict=True))


def _scrobble(at: int, number: int) -> dict[str, Any]:
    return scrobble(at, name=f"Alder {number}", artist={"mbid": "", "#text": "Quill zz"})


def _listen(at: int, number: int) -> dict[str, Any]:
    return listen(at, {"duration_ms": 215_000} if number % 2 else None, track_name=f"Alder {number}",
                  artist_name="Quill zz")  # fmt: skip


def _koito(at: int, number: int) -> dict[str, Any]:
    return koito(_moment(at))


def _your_spotify(at: int, number: int) -> dict[str, Any]:
    return your_spotify(_moment(at), id=f"zz{number:020}")


FORMS = (
    Form(_scrobble, _text),
    Form(_scrobble, lambda rows: _text([{"track": rows[:3], "@attr": {"page": "1"}}, {"track": rows[3:]}])),
    Form(_scrobble, lambda rows: _text({"recenttracks": {"track": rows, "@attr": {"page": "1"}}})),
    Form(_table_row, _table),
    Form(_listen, _lines),
    Form(_listen, _text),
    Form(_listen, lambda rows: _text({"payload": {"count": len(rows), "listens": rows}})),
    Form(lambda at, number: malojan(at), lambda rows: _text({"maloja": {"export_time": AT}, "scrobbles": rows})),
    Form(_koito, lambda rows: _text({"version": "1", "user": "anna", "listens": rows})),
    Form(_your_spotify, _lines),
    Form(_your_spotify, _text),
)


def some_rows(chance: random.Random, form: Form) -> Rows:
    """A few plays of a year, of which some lie close to one another."""
    at, rows = AT - chance.randrange(31_000_000), []
    for number in range(chance.choice((1, 5, 20))):
        at += chance.choice((1, 14, 200, 90_000))
        rows.append(form.row(at, number))
    return rows


def seconds_told(texts: Sequence[bytes]) -> Iterator[int]:
    """Every second since 1970 that some texts may mean, in any notation that a service has for it."""
    for text in texts:
        decoded = text.decode("utf-8-sig", "replace")
        for found in _NUMBER.findall(decoded):
            with suppress(ValueError, OverflowError):
                number = float(found)
                yield from (int(told) for told in (number, number / 1_000) if told < _LATEST)
        for found in _TIME.findall(decoded):
            with suppress(ValueError, OverflowError):
                told = datetime.fromisoformat(found)
                seconds = (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()
                yield from (int(seconds), round(seconds))  # nanoseconds may be rounded up
        for found in _WORDED_TIME.findall(decoded):
            with suppress(ValueError):
                yield int(datetime.strptime(found, "%d %b %Y, %H:%M").replace(tzinfo=UTC).timestamp())
