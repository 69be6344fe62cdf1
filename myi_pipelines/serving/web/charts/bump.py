"""Ranks over years: a line for each name, first place on top."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import NamedTuple

from markupsafe import Markup, escape

from myi_pipelines.serving.web.charts.marks import figure, number, percent, table
from myi_pipelines.serving.web.words import isolated

LANE = 30
ROOM = 108
"""Pixels a period takes at least, for the names in it; the chart scrolls where that is more than there is."""
COLOURED = 3


class Lane(NamedTuple):
    """The ranks of one name, from 1, None where it was not among the drawn ones."""

    name: str
    ranks: Sequence[int | None]
    href: str


def bump(name: str, lanes: Sequence[Lane], periods: Sequence[str], *, places: int) -> Markup:
    """Lanes that reach `places` or better, in colour those that were on top longest. Their names stand where they end,
    those of the last period at the right."""
    count = max(len(periods), 1)
    height = places * LANE + 22
    standing = sorted(lanes, key=lambda lane: -sum(places + 1 - rank for rank in lane.ranks if rank))
    classed = [(lane, f" top-{at}" if at <= COLOURED else "") for at, lane in enumerate(standing, 1)][::-1]
    drawn = "".join(_lane(lane, classes, count, places) for lane, classes in classed)
    taken = {(at, rank) for lane in lanes for at, rank in enumerate(lane.ranks) if rank}
    endings = "".join(_ending(lane, classes, count, taken) for lane, classes in classed)
    numbers = "".join(f'<text x="0" y="{_y(rank) + 4:g}">{rank}</text>' for rank in range(1, places + 1))
    last = {lane.ranks[-1]: lane for lane in lanes if lane.ranks and lane.ranks[-1]}
    ends = "".join(_end(last.get(rank)) for rank in range(1, places + 1))
    ends = f'<ol class="ends">{ends}</ol>' if last else ""
    heads = "".join(
        f'<text x="{percent(index + 0.5, count)}" y="{height - 3}" text-anchor="middle">{escape(period)}</text>'
        for index, period in enumerate(periods)
    )
    body = (
        f'<div class="bump"><svg width="20" height="{height}" aria-hidden="true">{numbers}</svg>'
        f'<div class="lanes" tabindex="0" role="region" aria-label="{escape(name)}">'
        f'<svg class="room" width="{count * ROOM}" height="1" aria-hidden="true"></svg>'
        f'<svg width="100%" height="{height}" role="group" aria-label="{escape(name)}">{drawn}{endings}{heads}</svg>'
        f"</div>{ends}</div>"
    )
    rows = ([lane.name, *(str(rank) if rank else "" for rank in lane.ranks)] for lane in lanes)
    return figure(body, table=table(["", *periods], rows))


def _end(lane: Lane | None) -> str:
    return f'<li dir="auto"><a href="{escape(lane.href)}">{escape(lane.name)}</a></li>' if lane else "<li></li>"


def _y(rank: int | None) -> float:
    return ((rank or 1) - 0.5) * LANE


def _lane(lane: Lane, classes: str, count: int, places: int) -> str:
    pieces = []
    before: str | None = None
    for index, rank in enumerate(lane.ranks):
        if rank is None:
            before = None
            continue
        x, y = 2 * index + 1, number(_y(rank))
        pieces.append(f"M{x} {y}" if before is None else f"C{x - 1} {before} {x - 1} {y} {x} {y}")
        before = y
    dots = "".join(
        f'<circle class="dot" cx="{percent(index + 0.5, count)}" cy="{_y(rank):g}" r="4"/>'
        for index, rank in enumerate(lane.ranks)
        if rank is not None
    )
    said = f"{isolated(lane.name)}: {', '.join(f'{rank}' if rank else '–' for rank in lane.ranks)}"
    return (
        f'<a class="lane{classes}" href="{escape(lane.href)}" tabindex="-1"><title>{escape(said)}'
        f'</title><svg width="100%" height="{places * LANE}" viewBox="0 0 {2 * count} {places * LANE}"'
        f' preserveAspectRatio="none"><path class="trace" d="{"".join(pieces)}"/></svg>{dots}</a>'
    )


def _ending(lane: Lane, classes: str, count: int, taken: Set[tuple[int, int]]) -> str:
    """The name of a lane that ends before the last period, in two lines before the next dot of its rank."""
    last = max((index for index, rank in enumerate(lane.ranks) if rank is not None), default=None)
    if last is None or last == count - 1:
        return ""
    rank = lane.ranks[last] or 1
    free = next((at - last for at in range(last + 1, count) if (at, rank) in taken), count - last - 0.5)
    return (
        f'<foreignObject x="{percent(last + 0.5, count)}" width="{percent(free, count)}" y="{number(_y(rank) - 14)}"'
        f' height="28"><a class="ending{classes}" dir="auto" href="{escape(lane.href)}" tabindex="-1">'
        f"<span>{escape(lane.name)}</span></a></foreignObject>"
    )
