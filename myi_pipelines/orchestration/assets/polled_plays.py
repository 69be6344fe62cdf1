"""Polled plays as an asset: who is due is asked for their recently played tracks. Asking is ``sync.polling``'s work."""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
from dagster import AssetExecutionContext
from pydantic import Field

from myi_pipelines.orchestration.assets.metadata import Metadata, markdown_table, report_months
from myi_pipelines.orchestration.assets.quota_usage import calls_spent, not_asked, spending
from myi_pipelines.orchestration.assets.specs import LANDING, data_version, table_spec
from myi_pipelines.orchestration.partitions import SINGLE_RUN, last_month, months_of, require_months
from myi_pipelines.orchestration.resources.spotify_app import Access, Spotify
from myi_pipelines.orchestration.resources.warehouse import Warehouse
from myi_pipelines.settings import names_app
from myi_pipelines.warehouse import reporting
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.partitions import POLLED_PLAYS, ensure_months, months_between
from myi_pipelines.warehouse.spotify_accounts import LinkedUser, linked_users
from myi_pipelines.warehouse.users import find_user

if TYPE_CHECKING:
    from myi_pipelines.ingest.spotify.polling import Polled

ANSWERED = "accounts_answer"
LONGEST_START = timedelta(minutes=1)

FRESH = dg.FreshnessPolicy.time_window(warn_window=timedelta(hours=6), fail_window=timedelta(hours=24))
"""Even who has not listened for weeks is asked for every day."""

POLLED_PLAYS_SPEC = table_spec(
    "polled_plays",
    group=LANDING,
    freshness=FRESH if names_app() else None,
    about=(
        "Plays that Spotify's API showed before an export contained them; an export row of the same play replaces "
        "them. "
        "A materialization, whichever months it is for, polls the users who are due: each as often as their pace "
        "and the app's quota ask for, because only the last 50 plays are ever visible."
    ),
)


class PollConfig(dg.Config):
    """Whom a run polls."""

    users: list[str] = Field(default_factory=list, description="These users, due or not. Empty: those who are due.")
    tick: str = Field(
        default="",
        description="When the schedule asked for the run (ISO 8601). Polls count as made then, so that a run which "
        "starts a little sooner or later keeps every user's rhythm.",
    )


@dg.multi_asset(
    name="polled_plays",
    specs=[POLLED_PLAYS_SPEC],
    check_specs=[
        dg.AssetCheckSpec(
            ANSWERED,
            asset="polled_plays",
            description="Spotify answered for every user of the latest run, and no play can be missing.",
        )
    ],
    backfill_policy=SINGLE_RUN,
)
def polled_plays(
    context: AssetExecutionContext, config: PollConfig, warehouse: Warehouse, spotify: Spotify
) -> Iterator[dg.MaterializeResult[None]]:
    require_months(context)
    began = time.monotonic()
    with warehouse.connection() as conn:
        ensure_months(conn, months_between(datetime.now(UTC).date(), last_month()))
        chosen = chosen_users(conn, config.users)
    with spotify.access(required=chosen is not None) as access:
        if isinstance(access, str):
            polls, summary = [], not_asked(context, access)
        else:
            with spending(access.client.gate) as spent:
                polls = _poll(warehouse, access, chosen, _moment(config.tick))
            summary = {**_summary(polls, time.monotonic() - began), **calls_spent(spent)}
    for poll in polls:
        context.log.info(_outcome(poll))
    with warehouse.connection() as conn:
        size = reporting.month_table_size(conn, POLLED_PLAYS, months_of(context))
    report_months(context, "polled_plays", size, by_month={}, summary=summary)
    yield dg.MaterializeResult(data_version=data_version(LANDING), check_results=[_answered(polls)])


def chosen_users(conn: Connection, names: Sequence[str]) -> list[LinkedUser] | None:
    """The users of these names; None for those who are due. Raises ``dagster.Failure`` for one without an account."""
    if not names:
        return None
    names = [user.name if (user := find_user(conn, name)) else name for name in names]
    linked = {user.name: user for user in linked_users(conn)}
    if not_exports := [name for name in names if name not in linked]:
        known = f"linked: {', '.join(linked)}" if linked else "no user is"
        raise dg.Failure(
            f"{', '.join(not_exports)}: no valid Spotify account is linked ({known}); run `myi login --user NAME`",
            allow_retries=False,
        )
    return [linked[name] for name in names]


def _moment(tick: str) -> datetime:
    """The tick, unless the run had to wait for long."""
    now = datetime.now(UTC)
    asked = datetime.fromisoformat(tick) if tick else now
    return asked if now - LONGEST_START <= asked <= now else now


def _poll(warehouse: Warehouse, access: Access, chosen: list[LinkedUser] | None, now: datetime) -> "list[Polled]":
    from myi_pipelines.ingest.spotify.access_tokens import SpotifyAccess
    from myi_pipelines.ingest.spotify.polling import poll_due, poll_now

    spotify_access = SpotifyAccess(access.client, access.tokens)
    if chosen is None:
        return poll_due(warehouse.connection, spotify_access, now=now, quota=access.quota)
    return poll_now(warehouse.connection, spotify_access, chosen, now=now, quota=access.quota)


def _outcome(poll: "Polled") -> str:
    if poll.error is not None:
        return f"{poll.user}: {poll.error}; tried again from {poll.next_poll_at:%H:%M:%S} UTC"
    gap = f"; plays may be missing between {poll.gap.after} and {poll.gap.before}" if poll.gap else ""
    return f"{poll.user}: {poll.added} new plays of {poll.seen}, due again at {poll.next_poll_at:%H:%M:%S} UTC{gap}"


def _summary(polls: "Sequence[Polled]", seconds: float) -> Metadata:
    rows = [
        (
            poll.user,
            poll.seen,
            poll.added,
            f"{poll.next_poll_at:%Y-%m-%d %H:%M}",
            f"{poll.gap.after:%Y-%m-%d %H:%M} to {poll.gap.before:%Y-%m-%d %H:%M}" if poll.gap else "",
            poll.error or "",
        )
        for poll in polls
    ]
    summary: Metadata = {
        "run_added": sum(poll.added for poll in polls),
        "run_users": len(polls),
        "run_failed_users": sum(poll.error is not None for poll in polls),
        "run_possible_gaps": sum(poll.gap is not None for poll in polls),
        "run_seconds": round(seconds, 2),
    }
    if not rows:
        return summary
    columns = ("user", "plays seen", "new", "due again (UTC)", "plays may be missing", "error")
    return {**summary, "run_polls": markdown_table(columns, rows)}


def _answered(polls: "Sequence[Polled]") -> dg.AssetCheckResult:
    errors = [f"{poll.user}: {poll.error}" for poll in polls if poll.error is not None]
    gaps = [f"{poll.user}: plays may be missing before {poll.gap.before:%Y-%m-%d %H:%M}" for poll in polls if poll.gap]
    return dg.AssetCheckResult(
        check_name=ANSWERED,
        passed=not errors and not gaps,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join([*errors, *gaps]) or f"{len(polls)} users were polled.",
    )
