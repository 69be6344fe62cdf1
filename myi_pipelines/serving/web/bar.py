"""The bar on top of each page: the range and its neighbours, the measure, filters to take away, search."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from myi_pipelines.serving.queries.scope import Listener, NamedRange, RangeKind
from myi_pipelines.serving.web.formats import Formats
from myi_pipelines.serving.web.links import Links

REVIEWS = "review/"
ROLLING = (("7d", "7 days"), ("4w", "4 weeks"), ("month", "this month"), ("year", "this year"), ("all", "all time"))


class Choice(NamedTuple):
    name: str
    href: str
    is_current: bool = False


class Group(NamedTuple):
    name: str
    options: list[Choice]


class Bar(NamedTuple):
    """What the template ``bar.html`` shows."""

    label: str
    before: str | None
    after: str | None
    groups: list[Group]
    measures: list[Choice]
    chips: list[Choice]
    path: str
    """Where the form with two days leads; empty: the page is of a year, a month or a week."""
    first: str
    last: str
    kept: list[tuple[str, str]]
    """For the form with two days."""
    search: str
    """Where the search's form leads; empty: the viewer may not search."""
    range_kept: list[tuple[str, str]]
    words: str


class Asked(NamedTuple):
    """What the bar is made of."""

    listener: Listener
    today: date
    range: NamedRange
    path: str
    """Of the page below the listener: "tops/artists"."""
    extra: tuple[tuple[str, str], ...]
    """Parameters of this page alone that stay when the range changes."""
    chips: list[Choice]
    words: str


def make_bar(asked: Asked, links: Links, formats: Formats) -> Bar:
    """The bar of a page."""
    extra = dict(asked.extra)

    def at(**changes: str | None) -> str:
        return links.to(asked.path, **{**extra, **changes})

    def of(text: str) -> str:
        """The same of another range, which stands in the path of a review."""
        return links.to(f"{REVIEWS}{text}", **{**extra, "range": None}) if is_review else at(range=text)

    now, is_review = asked.range, asked.path.startswith(REVIEWS)
    rolling = [Choice(name, of(text), now.text == text) for text, name in ROLLING]
    first = asked.listener.ever.first if asked.listener.ever else asked.today
    years = [
        Choice(str(year), of(str(year)), now.kind is RangeKind.YEAR and now.days.first.year == year)
        for year in range(asked.today.year, first.year - 1, -1)
    ]
    groups = [*([] if is_review else [Group("Up to now", rolling)]), Group("Years", years)]
    if now.kind in (RangeKind.YEAR, RangeKind.MONTH, RangeKind.WEEK, RangeKind.DAY):
        year = now.days.first.year
        months = [
            Choice(name, of(f"{year}-{number:02}"), now.text == f"{year}-{number:02}")
            for number, name in enumerate(formats.months, 1)
            if date(year, number, 1) <= asked.today
        ]
        groups.append(Group(f"Months of {year}", months))
    by = dict(links.kept).get("by", "plays")
    measures = [Choice("Plays", at(by="plays"), by != "time"), Choice("Time", at(by="time"), by == "time")]
    kept = [*((name, value) for name, value in links.kept if name != "range"), *asked.extra]
    return Bar(
        label=range_label(now, formats),
        before=of(now.before) if now.before else None,
        after=of(now.after) if now.after else None,
        groups=groups,
        measures=measures,
        chips=asked.chips,
        path="" if is_review else links._replace(kept=()).to(asked.path),
        first=now.days.first.isoformat(),
        last=now.days.last.isoformat(),
        kept=kept,
        search=links._replace(kept=()).to("search"),
        range_kept=[(name, value) for name, value in links.kept if name in ("range", "by")],
        words=asked.words,
    )


def range_label(now: NamedRange, formats: Formats) -> str:
    """A range in the reader's language, short enough for a phone: "2025", "March 2025", "7 days", "3 – 9 Mar 2025"."""
    days = now.days
    match now.kind:
        case RangeKind.YEAR:
            return str(days.first.year)
        case RangeKind.MONTH:
            return formats.month(days.first)
        case RangeKind.DAY:
            return formats.day(days.first)
        case RangeKind.ALL:
            return "All time"
        case RangeKind.ROLLING:
            weeks, rest = divmod(days.length, 7)
            return f"{weeks} weeks" if weeks > 1 and not rest else f"{days.length} days"
    return formats.between(days.first, days.last)


def range_name(now: NamedRange, formats: Formats) -> str:
    """A range as the subject of a sentence, or after "in": "2025", "March 2025", "the week of 3 – 9 Mar 2025"."""
    label = range_label(now, formats)
    return f"the week of {label}" if now.kind is RangeKind.WEEK else label


def range_phrase(now: NamedRange, formats: Formats) -> str:
    """A range inside a sentence: "In 2025", "On 3 March 2025", "In the last 7 days"."""
    days = now.days
    match now.kind:
        case RangeKind.YEAR | RangeKind.MONTH:
            return f"In {range_label(now, formats)}"
        case RangeKind.DAY:
            return f"On {formats.day(days.first)}"
        case RangeKind.ALL:
            return f"Since {formats.day(days.first)}"
        case RangeKind.ROLLING:
            return f"In the last {range_label(now, formats)}"
    return f"From {formats.day(days.first)} to {formats.day(days.last)}"
