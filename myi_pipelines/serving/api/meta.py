"""What is known of the numbers of an answer: whose they are, of which days, as of when, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from myi_pipelines.serving.api.shapes.answers import Deriving, FiltersShown, Meta, RangeShown
from myi_pipelines.serving.queries.listeners import Freshness
from myi_pipelines.serving.queries.scope import Listener, NamedRange, Scope


def meta_about(
    listener: Listener,
    fresh: Freshness,
    named: NamedRange | None,
    scope: Scope | None,
    archived: Sequence[date] = (),
) -> Meta:
    """What is known of the numbers of an answer about a listener."""
    deriving = None
    if fresh.user_months:
        deriving = Deriving.model_construct(
            months=fresh.user_months,
            months_without_plays=fresh.without_events,
            first_month=fresh.first_month,
            last_month=fresh.last_month,
            since=fresh.since,
        )
    filters = None
    if scope is not None and any(value is not None for value in scope.filters):
        artist, album, genre, platform, skipped = scope.filters
        filters = FiltersShown(artist=artist, album=album, genre=genre, platform=platform, skipped=skipped)
    return Meta(
        listener=listener.name,
        timezone=listener.timezone.key,
        as_of=fresh.as_of,
        deriving=deriving,
        range=range_shown(named) if named else None,
        by=scope.measure.value if scope else None,
        filters=filters,
        archived=list(archived),
    )


def range_shown(named: NamedRange) -> RangeShown:
    """A range as answers tell it."""
    return RangeShown(
        text=named.text,
        label=named.label,
        first_day=named.days.first,
        last_day=named.days.last,
        is_incomplete=named.is_incomplete,
        before=named.before,
        after=named.after,
    )
