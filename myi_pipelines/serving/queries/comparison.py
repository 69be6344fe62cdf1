"""Two listeners side by side: what they share. Whether they agreed to it is for the caller to know."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from myi_pipelines.serving.queries.activity import Totals, totals
from myi_pipelines.serving.queries.scope import Scope
from myi_pipelines.serving.queries.tops import Item, Kind, Ranked, items, leaders
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
    """Songs and artists among the 200 most played of both, those with the best places together first."""
    archived: tuple[date, ...]


def compare(conn: Connection, scope: Scope, other: Scope, *, each: int = EACH) -> Comparison:
    """What the listeners of two scopes share. Each scope has its own days: those of its listener's clock."""
    kinds = (Kind.SONG, Kind.ARTIST)
    (mine, missing), (theirs, also_missing) = (leaders(conn, one, kinds, each=TASTE) for one in (scope, other))
    shared = {}
    for kind in kinds:
        both = sorted(
            (one for one in mine[kind] if one in theirs[kind]),
            key=lambda one: (mine[kind][one].rank + theirs[kind][one].rank, one),
        )[:each]
        named = items(conn, scope.listener, kind, both)
        shared[kind] = [Shared(named[one], mine[kind][one], theirs[kind][one]) for one in both]
    return Comparison(
        totals(conn, scope),
        totals(conn, other),
        _score(_shares(mine[Kind.ARTIST]), _shares(theirs[Kind.ARTIST])),
        shared,
        tuple(sorted({*missing, *also_missing})),
    )


def _shares(places: Mapping[int, Ranked]) -> dict[int, float]:
    plays = sum(one.play_count for one in places.values())
    return {artist: one.play_count / plays for artist, one in places.items()}


def _score(mine: dict[int, float], theirs: dict[int, float]) -> int:
    return round(100 * sum(min(share, theirs.get(artist, 0.0)) for artist, share in mine.items()))
