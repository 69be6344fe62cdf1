"""Two listeners side by side: what they share. Whether they agreed to it is for the caller to know."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from myi_pipelines.serving.queries.activity import Totals, totals
from myi_pipelines.serving.queries.scope import Scope
from myi_pipelines.serving.queries.tops import Item, Kind, Ranked, TopRow, items, ranks, tops
from myi_pipelines.warehouse.database.connections import Connection

TASTE = 200
"""Of how many of the most played artists of each the score is made."""
EACH = 50


class Shared(NamedTuple):
    """An item that both played, with its places."""

    item: Item
    """Its counts of all time are the first listener's."""
    mine: Ranked
    theirs: Ranked


class Comparison(NamedTuple):
    """What two listeners share in a range."""

    mine: Totals
    theirs: Totals
    score: int
    """0 to 100: the share of the plays of the most played artists that they have in common, artist by artist."""
    shared: dict[Kind, list[Shared]]
    """Songs and artists that are among the most played of both, those with the best places together first."""
    archived: tuple[date, ...]


def compare(conn: Connection, scope: Scope, other: Scope, *, each: int = EACH) -> Comparison:
    """What the listeners of two scopes share. Each scope has its own days: those of its listener's clock."""
    kinds = (Kind.SONG, Kind.ARTIST)
    mine, theirs = tops(conn, scope, kinds, each=TASTE), tops(conn, other, kinds, each=TASTE)
    shared = {}
    for kind in kinds:
        both = [row.item.id for row in mine[kind].rows if row.item.id in {one.item.id for one in theirs[kind].rows}]
        named = items(conn, scope.listener, kind, both)
        own, others = ranks(conn, scope, {kind: both})[kind], ranks(conn, other, {kind: both})[kind]
        found = [Shared(named[one], own[one], others[one]) for one in both if one in own and one in others]
        shared[kind] = sorted(found, key=lambda one: (one.mine.rank + one.theirs.rank, one.item.id))[:each]
    missing = {month for lists in (mine, theirs) for one in lists.values() for month in one.archived}
    return Comparison(
        totals(conn, scope),
        totals(conn, other),
        _score(_shares(mine[Kind.ARTIST].rows), _shares(theirs[Kind.ARTIST].rows)),
        shared,
        tuple(sorted(missing)),
    )


def _shares(rows: list[TopRow]) -> dict[int, float]:
    plays = sum(row.play_count for row in rows)
    return {row.item.id: row.play_count / plays for row in rows}


def _score(mine: dict[int, float], theirs: dict[int, float]) -> int:
    return round(100 * sum(min(share, theirs.get(artist, 0.0)) for artist, share in mine.items()))
