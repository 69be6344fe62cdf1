"""Ranks over years: a line for each name, first place on top."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

from myi_pipelines.serving.web.charts.marks import figure, fine, number, percent, table

LANE = 30


class Lane(NamedTuple):
    """The ranks of one name, from 1, None where it was not among the drawn ones."""

    name: str
    ranks: Sequence[int | None]
    href: str


def bump(name: str, lanes: Sequence[Lane], periods: Sequence[str], *, places: int) -> Markup:
    """Lanes that reach `places` or better. Their names stand where they end, those of the last period at the right."""
    count = max(len(periods), 1)
    height = places * LANE + 22
    ordered = sorted(lanes, key=_draw_order)
    drawn = "".join(_lane(lane, count, places) for lane in ordered)
    endings = "".join(_ending(lane, count) for lane in ordered)
    numbers = "".join(f'<text x="0" y="{_y(rank) + 4:g}">{rank}</text>' for rank in range(1, places + 1))
    last = {lane.ranks[-1]: lane for lane in lanes if lane.ranks}
    ends = "".join(_end(last.get(rank)) for rank in range(1, places + 1))
    heads = "".join(
        f'<text x="{percent(index + 0.5, count)}" y="{height - 3}" text-anchor="middle"'
        f"{fine(count > 5 and (count - 1 - index) % 2 == 1)}>{escape(period)}</text>"
        for index, period in enumerate(periods)
    )
    body = (
        f'<div class="bump"><svg width="20" height="{height}" aria-hidden="true">{numbers}</svg>'
        f'<svg width="100%" height="{height}" role="group" aria-label="{escape(name)}">{drawn}{endings}{heads}</svg>'
        f'<ol class="ends">{ends}</ol></div>'
    )
    rows = ([lane.name, *(str(rank) if rank else "" for rank in lane.ranks)] for lane in lanes)
    return figure(body, table=table(["", *periods], rows))


def _end(lane: Lane | None) -> str:
    return f'<li dir="auto"><a href="{escape(lane.href)}">{escape(lane.name)}</a></li>' if lane else "<li></li>"


def _draw_order(lane: Lane) -> tuple[bool, int]:
    return bool(_first(lane)), -min((rank for rank in lane.ranks if rank), default=99)


def _first(lane: Lane) -> str:
    return " first" if lane.ranks and lane.ranks[-1] == 1 else ""


def _y(rank: int | None) -> float:
    return ((rank or 1) - 0.5) * LANE


def _lane(lane: Lane, count: int, places: int) -> str:
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
    ranks = ", ".join(f"{rank}" if rank else "–" for rank in lane.ranks)
    return (
        f'<a class="lane{_first(lane)}" href="{escape(lane.href)}" tabindex="-1"><title>{escape(lane.name)}: {ranks}'
        f'</title><svg width="100%" height="{places * LANE}" viewBox="0 0 {2 * count} {places * LANE}"'
        f' preserveAspectRatio="none"><path class="trace" d="{"".join(pieces)}"/></svg>{dots}</a>'
    )


def _ending(lane: Lane, count: int) -> str:
    """The name of a lane that ends before the last period."""
    last = max((index for index, rank in enumerate(lane.ranks) if rank is not None), default=None)
    if last is None or last == count - 1:
        return ""
    return (
        f'<text class="ending fine" x="{percent(last + 0.5, count)}" dx="9" y="{_y(lane.ranks[last]) + 4:g}">'
        f"{escape(_short(lane.name))}</text>"
    )


def _short(name: str, most: int = 26) -> str:
    return name if len(name) <= most else name[: most - 1].rstrip() + "…"
