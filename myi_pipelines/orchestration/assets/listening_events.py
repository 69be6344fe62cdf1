"""The event log as an asset: the landed plays of each user-month, of any source, conformed into listening events."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import dagster as dg
from dagster import AssetExecutionContext

from myi_pipelines.orchestration.assets.charts import MOST_BARS, bar_chart
from myi_pipelines.orchestration.assets.metadata import (
    Metadata,
    markdown_list,
    per_second,
    reason_of,
    report_months,
    table_size,
)
from myi_pipelines.orchestration.assets.specs import EVENTS, data_version, table_spec
from myi_pipelines.orchestration.assets.user_month_selection import UserMonthConfig, user_months_of_run
from myi_pipelines.orchestration.names import IMPORT_JOBS_TAG
from myi_pipelines.orchestration.partitions import SINGLE_RUN, months_of, require_months
from myi_pipelines.orchestration.resources.archive_store import Archive
from myi_pipelines.orchestration.resources.warehouse import Warehouse
from myi_pipelines.warehouse import reporting
from myi_pipelines.warehouse.archive import archived_around, hold_months
from myi_pipelines.warehouse.import_outcomes import OUTCOMES, outcomes_of_jobs, together
from myi_pipelines.warehouse.partitions import LISTENING_EVENTS
from myi_pipelines.warehouse.rebuild import derive_user_months
from myi_pipelines.warehouse.reporting import MonthSize
from myi_pipelines.warehouse.session import Failure, Session
from myi_pipelines.warehouse.user_months import Stage
from myi_pipelines.warehouse.users import user_named

DERIVED = "every_user_month_derived"
SECONDS_BETWEEN_PROGRESS = 5
HELD = timedelta(days=7)
"""How long a month that was materialized on purpose is kept before it may be archived again."""

PROBLEMS_SHOWN = 20
COUNTS = ("added", "upgraded", "updated", "removed", "unchanged")


class Problem(NamedTuple):
    """A user-month that could not be derived."""

    month: date | None
    text: str


LISTENING_EVENTS_SPEC = table_spec(
    "listening_events",
    group=EVENTS,
    deps=["imported_plays", "polled_plays", "tracks"],
    about=(
        "A pure function of the landing layer: materializing a month derives it again and writes only the rows that "
        "differ. An export's row beats a polled one of the same play, an extended history beats account data. "
        "A month of many users of which much must be written is built as a shadow partition and exchanged: readers "
        "wait for milliseconds. A backfill over any number of months is one run that commits month by month or "
        "user-month by user-month. A retry does the rest, and a user-month that cannot be derived stops no other."
    ),
)

EPISODE_EVENTS_SPEC = table_spec(
    "episode_events",
    group=EVENTS,
    deps=["imported_plays"],
    about=(
        "Podcasts, audiobooks, videos, and plays that Spotify does not name: derived with the listening events of "
        "their month, in the same transaction, and never counted as music. The views `user_show_stats`, "
        "`user_episode_bucket_stats` and `user_episode_hour_stats` add them up."
    ),
)


@dg.multi_asset(
    name="listening_events",
    specs=[LISTENING_EVENTS_SPEC, EPISODE_EVENTS_SPEC],
    check_specs=[
        dg.AssetCheckSpec(
            DERIVED,
            asset="listening_events",
            description="Every user-month of the latest run could be derived. Those that could not stay invalidated.",
        )
    ],
    can_subset=True,
    backfill_policy=SINGLE_RUN,
)
def listening_events(
    context: AssetExecutionContext, config: UserMonthConfig, warehouse: Warehouse, archive: Archive
) -> Iterator[dg.MaterializeResult[None]]:
    require_months(context)
    began = time.monotonic()
    months = months_of(context)
    problems: list[Problem] = []

    def note_failure(failure: Failure) -> None:
        text = f"{failure.month:%Y-%m} of user {failure.user_id}: {reason_of(failure.error)}"
        problems.append(Problem(failure.month, text))
        context.log.error(f"{text}; the user-month stays invalidated, the others go on")

    restore = archive.restore_archived
    with warehouse.session(restore_archived=restore, on_failure=note_failure) as session:
        conn = session.conn
        chosen = user_months_of_run(context, conn, config, Stage.EVENTS, months)
        if archived := archived_around(conn, chosen, with_neighbours=False):
            if not config.only_invalidated:
                hold_months(conn, months, datetime.now(UTC) + HELD)
            restored = restore(conn, archived)
            context.log.info(f"{restored:,} user-months restored from the archive")
        context.log.info(f"{len(chosen):,} user-months to conform")
        counts: dict[date, Counter[str]] = {}
        exchanged: list[date] = []
        derived = derive_user_months(session, chosen, on_exchange=exchanged.append)
        last = began
        for done, (one, conformed) in enumerate(derived, start=1):
            counts.setdefault(one.month, Counter()).update(conformed._asdict())
            if time.monotonic() - last >= SECONDS_BETWEEN_PROGRESS:
                last = time.monotonic()
                context.log.info(f"{done:,} of {len(chosen):,} user-months conformed, now at {one.month:%Y-%m}")
        seconds = time.monotonic() - began
        outcomes = _outcomes(context, session, config, months)
        size = reporting.month_table_size(conn, LISTENING_EVENTS, months)
        of_episodes = {
            **table_size(conn, "episode_events"),
            "run_written": sum(counted["episodes_written"] for counted in counts.values()),
        }
    selected = {key.to_user_string() for key in context.selected_asset_keys}
    if "listening_events" in selected:
        summary = {**_summary(len(chosen), counts, size.months, seconds), "run_months_exchanged": len(exchanged)}
        if outcomes:
            summary["run_outcomes"] = _outcome_table(outcomes)
        by_month = {month: _of_month(month, counts, problems) for month in months}
        report_months(context, "listening_events", size, by_month=by_month, summary=summary)
        yield dg.MaterializeResult(
            data_version=data_version(EVENTS), asset_key="listening_events", check_results=[_all_derived(problems)]
        )
    if "episode_events" in selected:
        yield dg.MaterializeResult(data_version=data_version(EVENTS), asset_key="episode_events", metadata=of_episodes)


def _outcomes(
    context: AssetExecutionContext, session: Session, config: UserMonthConfig, months: Sequence[date]
) -> Mapping[str, int]:
    """What became of the rows that the run landed before, if it is a run that imports files."""
    if not config.user:
        return {}
    run = context.instance.get_run_by_id(context.run.run_id) or context.run  # with the tags that landing has added
    jobs = [int(job) for job in run.tags.get(IMPORT_JOBS_TAG, "").split(",") if job]
    user_id = user_named(session.conn, config.user)
    found = outcomes_of_jobs(session.conn, user_id, jobs, session.min_play_ms, months, session.helpers)
    return together(found.values())


def _outcome_table(outcomes: Mapping[str, int]) -> dg.TableMetadataValue:
    return dg.MetadataValue.table(
        [
            dg.TableRecord({"outcome": outcome, "rows": rows, "meaning": OUTCOMES[outcome]})
            for outcome, rows in outcomes.items()
        ]
    )


def _all_derived(problems: Sequence[Problem]) -> dg.AssetCheckResult:
    shown = [problem.text for problem in problems[:PROBLEMS_SHOWN]]
    return dg.AssetCheckResult(
        check_name=DERIVED,
        passed=not problems,
        description="; ".join(shown) or "Every user-month was derived.",
        metadata={"user_months_not_derived": len(problems)} | ({"problems": markdown_list(shown)} if shown else {}),
    )


def _of_month(month: date, counts: Mapping[date, Counter[str]], problems: Sequence[Problem]) -> Metadata:
    """What became of a month's rows, if the run looked at them, and what of it could not be derived."""
    changes = {name: counts[month][name] for name in COUNTS} if month in counts else {}
    texts = [problem.text for problem in problems if problem.month == month]
    return {**changes, **({"not_derived": markdown_list(texts[:PROBLEMS_SHOWN])} if texts else {})}


def _summary(
    user_months: int, counts: Mapping[date, Counter[str]], sizes: Mapping[date, MonthSize], seconds: float
) -> Metadata:
    total = sum(counts.values(), Counter())
    summary: dict[str, Any] = {f"run_{name}": total[name] for name in COUNTS}
    summary |= {
        "run_user_months": user_months,
        "run_months": len(counts),
        "run_seconds": round(seconds, 2),
        "run_events_per_second": per_second(sum(total[name] for name in COUNTS), seconds),
    }
    months = [month for month, size in sizes.items() if size.rows]
    if len(months) > 1:
        shown = [month for month in sorted(sizes) if min(months) <= month <= max(months)]
        summary |= plays_over_time(shown, [sizes[month].rows for month in shown])
    return summary


def plays_over_time(months: Sequence[date], plays: Sequence[int]) -> Metadata:
    """A chart of the plays of months, oldest first; of their years where there are too many months for bars."""
    if len(months) > MOST_BARS:
        years: Counter[int] = Counter()
        for month, count in zip(months, plays, strict=True):
            years[month.year] += count
        return {"plays_per_year": bar_chart("Plays per year", [str(year) for year in years], list(years.values()))}
    labels = [f"{month:%Y-%m}" if len(months) <= 12 else _january(month) for month in months]
    return {"plays_per_month": bar_chart("Plays per month", labels, plays)}


def _january(month: date) -> str:
    return f"{month.year}" if month.month == 1 else ""
