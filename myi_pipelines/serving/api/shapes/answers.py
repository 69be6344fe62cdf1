"""Around every answer: whose it is, of which days, as of when, and where the rest of a list is."""

from __future__ import annotations

from datetime import date, datetime
from typing import Generic, TypeVar

from myi_pipelines.serving.api.shapes.fields import Shape, said

T = TypeVar("T")


class Deriving(Shape):
    """Months whose numbers are being derived: until they are, what landed last is not in the answer."""

    months: int = said("How many UTC months are being derived.", 3)
    months_without_plays: int = said("Those of them whose plays are not all in the history yet.", 1)
    first_month: date = said("The first day of the earliest of them.", "2024-03-01")
    last_month: date = said("The first day of the latest of them.", "2024-05-01")
    since: datetime = said("Since when the oldest of them waits, in UTC.", "2024-05-03T18:41:07Z")


class RangeShown(Shape):
    """The days that the answer is about."""

    text: str = said("The range as the address names it.", "2024-05")
    label: str = said("The range in English.", "May 2024")
    first_day: date = said("The first local day.", "2024-05-01")
    last_day: date = said("The last local day, included.", "2024-05-31")
    is_incomplete: bool = said("Whether today is in it, so that it is not over.", False)
    before: str | None = said("The range before, of the same kind; null where nothing was played so early.", "2024-04")
    after: str | None = said("The range after; null where it has not begun.", "2024-06")


class FiltersShown(Shape):
    """Which plays count; null: all."""

    artist: int | None = said("Plays of tracks that credit this artist.", 77)
    album: int | None = said("Plays from this album.", 903)
    genre: str | None = said("Plays of artists who are counted to this genre.", "chamber pop")
    platform: str | None = said("Plays on this family of platforms.", "ios")
    skipped: bool | None = said("Plays under 30 seconds (true) or longer ones (false).", False)


class Meta(Shape):
    """Whose numbers these are, of which days, and as of when."""

    listener: str = said("The listener's name, as addresses spell it.", "ada")
    timezone: str = said("The time zone in which days begin, by its IANA name.", "Europe/Berlin")
    as_of: datetime | None = said(
        "Until when what was played is in the answer, in UTC; null before the first import.", "2024-05-03T18:41:07Z"
    )
    deriving: Deriving | None = said("What is being derived; null: everything that landed is in the answer.", None)
    range: RangeShown | None = said("The days asked about; null of answers about all time or none.", None)
    by: str | None = said("The measure that ranks: plays or time; null where nothing is ranked.", "plays")
    filters: FiltersShown | None = said("Which plays count; null where no filter applies.", None)
    archived: list[date] = said("UTC months that are archived and missing here. Empty: the answer is exact.", [])


class Answer(Shape, Generic[T]):
    """One answer."""

    data: T
    meta: Meta


class Plain(Shape, Generic[T]):
    """An answer that is about no listener's numbers."""

    data: T


class PageShown(Shape):
    """Which part of a list this is."""

    items: int | None = said("How many there are in the whole list; null where that is not counted.", 1204)
    next: str | None = said("The cursor of the next page, for `after`; null on the last.", "WzEsNDEyXQ")


class PlainListing(Shape, Generic[T]):
    """A page of a list that is about no listener's numbers."""

    data: list[T]
    page: PageShown


class Listing(Shape, Generic[T]):
    """A page of a list."""

    data: list[T]
    meta: Meta
    page: PageShown


class Problem(Shape):
    """What went wrong (RFC 9457)."""

    type: str = said("The kind of problem: an address in the documentation.", "/api/v1/docs#bad-range")
    title: str = said("The kind of problem, in words.", "Bad range")
    status: int = said("The status code.", 400)
    detail: str = said("What is wrong here, and what to do, in a sentence.", "'203' is no range: write 7d, 4w, …")
