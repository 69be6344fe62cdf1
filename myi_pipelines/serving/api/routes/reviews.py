"""Years, months and weeks in review, and two listeners side by side."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from myi_pipelines.serving.access.permissions import NotVisible, Part
from myi_pipelines.serving.api.answers import answered, listed
from myi_pipelines.serving.api.asking import AboutListener, AboutRange, Asked, RowsFormat, Text
from myi_pipelines.serving.api.meta import range_shown
from myi_pipelines.serving.api.problems import BadParameter
from myi_pipelines.serving.api.routes.activity import compared_shown, totals_shown
from myi_pipelines.serving.api.routes.history import sessions_shown
from myi_pipelines.serving.api.routing import USER, many, one
from myi_pipelines.serving.api.shapes.reviews import ComparisonShown, PeriodShown, ReviewShown
from myi_pipelines.serving.queries.activity import Bucket, Step, activity
from myi_pipelines.serving.queries.comparison import compare
from myi_pipelines.serving.queries.review import review as reviewed
from myi_pipelines.serving.queries.scope import Scope, parse_range, same_range, week_number, week_of
from myi_pipelines.serving.queries.tops import Kind

router = APIRouter(tags=["reviews"])

LONGEST_REVIEW = 366
Ask = AboutRange
AskListener = AboutListener


@many(router, f"{USER}/reviews", PeriodShown)
def reviews(
    ask: AskListener,
    step: Annotated[Step, Query(description="`year`, `month` or `week`.")] = Step.YEAR,
    _: RowsFormat = None,
) -> Response:
    """The years, months or weeks with plays, each of which can be reviewed, the latest first."""
    if step is Step.DAY:
        raise BadParameter("step: a day is no period to review: say year, month or week")
    with ask.about(Part.STATS) as asked:
        whole = parse_range("all", asked.today, asked.listener)
        rows = activity(asked.conn, Scope(asked.listener, whole.days), step).buckets
        shown = [_period(asked, step, one) for one in reversed(rows) if one.play_count]
        return listed(asked, PeriodShown, shown, items=len(shown))


@one(router, f"{USER}/review", ReviewShown)
def review(ask: Ask) -> Response:
    """A year, a month, a week, or any range of at most 366 days, in review. Filters do not apply."""
    with ask.about(Part.STATS) as asked:
        if asked.days.days.length > LONGEST_REVIEW:
            raise BadParameter(f"range: a review is of at most {LONGEST_REVIEW} days")
        found = reviewed(asked.conn, asked.about, asked.days, asked.today)
        shown = found._asdict() | {
            "of": range_shown(found.of),
            "totals": compared_shown(
                found.compared, asked.days.days, asked.days.days_before, asked.days.days_year_before
            ),
            "songs": found.tops[Kind.SONG].rows,
            "artists": found.tops[Kind.ARTIST].rows,
            "albums": found.tops[Kind.ALBUM].rows,
            "activity": found.activity.buckets,
            "clock": found.clock.cells,
            "sessions": sessions_shown(found.sessions),
        }
        return answered(asked, ReviewShown, shown, archived=found.archived)


@one(router, f"{USER}/compare", ComparisonShown)
def comparison(
    ask: Ask, other: Annotated[Text, Query(max_length=200, description="The name of the other.", examples=["bob"])]
) -> Response:
    """What the listener who asks shares with another in a range. Both have to allow comparison; the operator may
    compare any two."""
    with ask.about(Part.COMPARISON, other) as asked:
        if not asked.viewer.is_operator and asked.viewer.user_id != asked.listener.id:
            raise NotVisible
        their = asked.other
        assert their is not None
        days = same_range(asked.days, their)
        found = compare(asked.conn, asked.about, Scope(their, days, asked.about.measure))
        return answered(
            asked,
            ComparisonShown,
            {
                "other": their.name,
                "score": found.score,
                "mine": totals_shown(found.mine, asked.days.days),
                "theirs": totals_shown(found.theirs, days),
                "songs": found.shared[Kind.SONG],
                "artists": found.shared[Kind.ARTIST],
            },
            archived=found.archived,
        )


def _period(asked: Asked, step: Step, bucket: Bucket) -> PeriodShown:
    """The period of a bucket, which the range of its first day may have cut."""
    match step:
        case Step.YEAR:
            text = f"{bucket.last:%Y}"
        case Step.MONTH:
            text = f"{bucket.last:%Y-%m}"
        case _:
            year, number = week_number(week_of(bucket.last, asked.listener.week_starts_on))
            text = f"{year:04}-W{number:02}"
    named = asked.range_of(text)
    return PeriodShown(
        range=text,
        label=named.label,
        first_day=named.days.first,
        last_day=named.days.last,
        is_incomplete=named.is_incomplete,
        play_count=bucket.play_count,
        total_ms=bucket.total_ms,
    )
