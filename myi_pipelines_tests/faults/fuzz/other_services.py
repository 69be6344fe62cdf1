"""Exports of other services and of MYI, to be damaged: rows of each, and the forms in which their tools write them."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

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


def _history_row(at: int, number: int) -> dict[str, Any]:
    """A row of MYI's own history, as any of its sources tells it."""
    told_by = ("extended", "account", "submitted", "polled")[number % 4]
    elapsed_s = {"extended": None, "account": None, "submitted": 215, "polled": -1}[told_by]
    ended = at * 1_000_000
    return {
        "told_by": told_by,
        "played_at": ended,
        "stopped_at": ended - 215_000_000 if told_by == "submitted" else ended,
        "ms_played": 215_000,
        "elapsed_s": elapsed_s,
        "kind": "TRACK",
        "spotify_id": None if told_by == "account" else f"zz{number:020}",
        "track_name": f"Alder {number}",
        "artist_name": "Quill zz",
        "album_name": None,
        "platform": "ios" if told_by == "extended" else None,
        "skipped": False if told_by == "extended" else None,
    }


def _parquet(rows: Rows) -> bytes:
    """The rows as a table. What is no row is left out; values of several types are texts. Beside it lie the seconds of
    the rows, as numbers that can be found."""
    rows = [row for row in rows if isinstance(row, dict)]
    names = list(dict.fromkeys(name for row in rows for name in row))[:100] or ["nothing"]
    columns = {name: _column(name, [row.get(name) for row in rows]) for name in names}
    seconds = [int(row[key] // 1_000_000) for row in rows for key in ("played_at", "stopped_at")
               if isinstance(row.get(key), int) and abs(row[key]) < 2**63]  # fmt: skip
    table = pa.table(columns).replace_schema_metadata({"seconds": json.dumps(seconds)})
    pq.write_table(table, stream := BytesIO(), compression="zstd", write_page_checksum=True)
    return stream.getvalue()


def _column(name: str, values: list[Any]) -> pa.Array:
    with suppress(Exception):  # whatever pyarrow says of odd values
        if name in ("played_at", "stopped_at"):
            return pa.array(values, pa.int64()).cast(pa.timestamp("us", tz="UTC"))
        return pa.array(values)
    return pa.array([str(value).encode("utf-8", "replace").decode() for value in values])


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
    Form(_history_row, _parquet),
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
