"""What a report says of plays that are not music: podcasts, audiobooks, videos, and what Spotify does not name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg.rows import class_row

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.statements import statement

SPOKEN = ("EPISODE", "CHAPTER")


@dataclass(frozen=True)
class Show:
    """A podcast or an audiobook."""

    name: str
    kind: str
    """EPISODE or CHAPTER."""
    play_count: int
    total_ms: int


@dataclass(frozen=True)
class YearOfKind:
    """The plays of one kind in a local year."""

    year: int
    kind: str
    play_count: int
    total_ms: int


@dataclass(frozen=True)
class NotMusic:
    """Plays that are not music, of all time or of one local year."""

    shows: tuple[Show, ...] = ()
    """Those that were heard longest."""
    years: tuple[YearOfKind, ...] = ()

    def plays(self, *kinds: str) -> tuple[int, int]:
        """How many plays of some kinds there are, and their milliseconds."""
        some = [one for one in self.years if one.kind in kinds]
        return sum(one.play_count for one in some), sum(one.total_ms for one in some)

    def spoken_ms(self) -> dict[int, int]:
        """Milliseconds of podcasts and audiobooks by year."""
        return totals_by_year(one for one in self.years if one.kind in SPOKEN)


def totals_by_year(found: Iterable[YearOfKind]) -> dict[int, int]:
    """Milliseconds by year."""
    years: dict[int, int] = {}
    for one in found:
        years[one.year] = years.get(one.year, 0) + one.total_ms
    return years


def load_not_music(conn: Connection, asked: Mapping[str, Any], year: int | None) -> NotMusic:
    """What a user played that is not music: ``asked`` has their id, the period, and how many shows to list."""
    with conn.cursor(row_factory=class_row(YearOfKind)) as cursor:
        years = cursor.execute(statement("report/not_music"), asked).fetchall()
    if year is not None:
        years = [one for one in years if one.year == year]
    if not years:
        return NotMusic()
    with conn.cursor(row_factory=class_row(Show)) as cursor:
        return NotMusic(tuple(cursor.execute(statement("report/top_shows"), asked)), tuple(years))
