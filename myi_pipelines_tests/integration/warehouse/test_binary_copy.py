"""What is packed lands as it was, however often numbers and names start over."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from myi_pipelines.sources.exports import Batch, Context, Play, Track
from myi_pipelines.warehouse import binary_copy, landing
from myi_pipelines.warehouse.binary_copy import Packer
from myi_pipelines_tests.support.warehouse_harness import Warehouse

BEGAN = datetime(2020, 1, 31, 21, 59, 59, 123_456, tzinfo=UTC)
NO_CONTEXT = Context(*[None] * 8)


def plays() -> list[Play]:
    """Tracks and contexts that come again and again; offline plays; account data; no two at once."""
    made = []
    for number in range(120):
        ended = BEGAN + timedelta(hours=number, microseconds=number)
        track = Track(
            f"{number % 11:022}", f"Song {number % 13}", f"Artist {number % 3}", None if number % 2 else "Album"
        )
        context = Context(f"phone {number % 7}", "DE", None, "fwdbtn", number % 2 == 0, None, False, False)
        if number % 10 == 0:
            track, context = Track(None, f"Söng {number % 5}", "Artist", None), NO_CONTEXT
        stopped = ended + timedelta(days=number % 4) if number % 5 else ended
        made.append(Play(track, context, stopped, ended, 4_000 + 100 * number))
    return made


def landed(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return warehouse.conn.execute(
        "SELECT t.spotify_id, t.track_name, t.artist_name, t.album_name, t.kind::text,"
        "       c.platform, c.country, c.reason_start, c.reason_end, c.shuffle, c.skipped, c.offline, c.incognito,"
        "       coalesce(p.stopped_at, p.played_at), p.played_at, p.ms_played, p.elapsed_s"
        " FROM imported_plays AS p JOIN export_tracks AS t ON t.id = p.export_track_id"
        " LEFT JOIN play_contexts AS c ON c.id = p.context_id ORDER BY p.played_at"
    ).fetchall()


@pytest.mark.parametrize("numbered", [1, 5, 30_000])
@pytest.mark.parametrize("held", [0, 9, 30_000])
def test_plays_land_as_they_are_however_often_numbers_start_over(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, numbered: int, held: int
) -> None:
    monkeypatch.setattr(binary_copy, "REMEMBERED_AT_MOST", numbered)
    monkeypatch.setattr(landing, "NAMES_BUFFERED_AT_MOST", held)
    user_id = warehouse.user("ada", "UTC")
    done = warehouse.land(user_id, plays())
    assert landed(warehouse) == [(*play.track, *(play.context or [None] * 8), *play[2:]) for play in plays()]
    assert (done.added_rows, done.duplicate_rows, done.rejected) == (120, 0, {"too_short": 10})
    assert warehouse.land(user_id, plays(), salt="again").duplicate_rows == 120


def numbered(rows: bytes) -> list[tuple[int, tuple[bytes | None, ...]]]:
    """Numbers, and the fields that they stand for, of rows in the binary format."""
    found, at = [], 0

    def field() -> bytes | None:
        nonlocal at
        length = int.from_bytes(rows[at : at + 4], signed=True)
        at += 4 + max(length, 0)
        return rows[at - length : at] if length >= 0 else None

    while at < len(rows):
        count = int.from_bytes(rows[at : at + 2])
        at += 2
        number, *fields = (field() for _ in range(count))
        assert number is not None
        found.append((int.from_bytes(number), tuple(fields)))
    return found


def test_a_batch_lists_its_months_and_the_numbers_that_are_new() -> None:
    packer = Packer(5_000, first_number=7)
    first, second = (packer.pack(Batch(some, len(some), 1, Counter(), 0, [])) for some in (plays()[:4], plays()[2:6]))
    assert first.months == {date(2020, 1, 1), date(2020, 2, 1)}
    assert [number for number, _ in numbered(first.tracks)] == [7, 8, 9, 10]
    assert [number for number, _ in numbered(second.tracks)] == [11, 12]
    names = [[name and name.decode() for name in fields] for _, fields in numbered(second.tracks)]
    assert names == [[*play.track] for play in plays()[4:6]]
    assert second.names == len(names) + len(numbered(second.contexts)) == 4


def test_a_batch_may_be_empty() -> None:
    batch = Packer(5_000).pack(Batch([], 3, 9, Counter(podcast=3), 0, ["a note"]))
    assert (batch.copied, batch.tracks, batch.contexts, batch.names) == (b"", b"", b"", 0)
    assert (batch.plays, batch.months, batch.rows) == (0, set(), 3)
    assert (dict(batch.rejected), batch.notes) == ({"podcast": 3}, ["a note"])
