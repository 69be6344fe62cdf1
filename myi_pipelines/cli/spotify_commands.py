"""Asking Spotify and MusicBrainz right here and now: ``myi sync``, ``enrich``, ``genres`` and ``quota``."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from myi_pipelines.cli.app import app, complain, note, output, read_settings, ready_servers, warehouse_connection

if TYPE_CHECKING:
    from myi_pipelines.orchestration.instance.foreground import Done
    from myi_pipelines.settings import Settings

PANEL = "Your Spotify account"


@app.command(rich_help_panel=PANEL)
def sync(
    user: Annotated[str | None, typer.Option(help="Only this listener, as `myi accounts` names them.")] = None,
    top_lists: Annotated[bool, typer.Option("--top-lists", help="Refresh Spotify's top lists as well.")] = False,
) -> None:
    """Fetch new plays from Spotify now, and bring catalog, events and statistics up to date.

    `myi up` does this by itself whenever a listener is due. No listener is polled twice within five minutes.
    Exit code 1: Spotify did not answer for at least one of them.

    Examples:

      myi sync

      myi sync --user anna --top-lists
    """
    from myi_pipelines.warehouse.spotify_accounts import linked_users
    from myi_pipelines.warehouse.top_list_history import mark_active
    from myi_pipelines.warehouse.users import find_user

    settings = _ready()
    with warehouse_connection(settings) as conn:
        linked = [linked.name for linked in linked_users(conn)]
        if user is not None and (known := find_user(conn, user)):
            user = known.name
            mark_active(conn, known.id, datetime.now(UTC))
    chosen = [user] if user is not None else linked
    if not chosen:
        complain("no Spotify account is linked; run `myi login`")
        raise typer.Exit(1)
    failed = _sync_plays(settings, chosen)
    if top_lists:
        failed += _sync_top_lists(settings, chosen)
    raise typer.Exit(1 if failed else 0)


def _sync_plays(settings: "Settings", users: list[str]) -> int:
    """How many listeners Spotify did not answer for."""
    from myi_pipelines.orchestration.jobs import poll_config, poll_plays

    done = _run(settings, poll_plays.name, poll_config(users), "the synchronization")
    polled = done.metadata_of("polled_plays")
    events = done.metadata_of("listening_events")
    console = output()
    left_out = len(users) - polled["run_users"]
    console.print(
        f"[bold]{polled['run_added']:,} new plays[/bold] of {polled['run_users']:,} listeners, "
        f"{events['run_added']:,} events added, {polled['run_calls']:,} calls, {done.seconds:.1f} s",
        highlight=False,
    )
    if left_out > 0:
        note(f"{left_out} of {len(users)} were asked for less than five minutes ago, or are just being asked for")
    for check in done.result.get_asset_check_evaluations():
        if not check.passed and check.asset_key.to_user_string() == "polled_plays":
            complain(check.description or "Spotify did not answer")
    return int(polled["run_failed_users"])


def _sync_top_lists(settings: "Settings", users: list[str]) -> int:
    """How many listeners' lists stay as they were."""
    from myi_pipelines.orchestration.jobs import refresh_top_lists, top_list_config

    done = _run(settings, refresh_top_lists.name, top_list_config(users), "the refresh of top lists", months=False)
    polled = done.metadata_of("top_lists")
    output().print(
        f"top lists of {polled['run_users'] - polled['run_failed_users']:,} listeners, {polled['run_calls']:,} calls"
    )
    if "problems" in polled:
        complain(_cells(polled["problems"]))
    return int(polled["run_failed_users"])


@app.command(rich_help_panel=PANEL)
def enrich(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Calls at most.")] = 100,
) -> None:
    """Fetch metadata that is missing from Spotify now: artists, albums, images, lengths.

    The most played comes first. `myi up` does this by itself as far as the quota allows; `myi quota` shows what is
    left of it.

    Example:

      myi enrich --limit 50
    """
    from myi_pipelines.orchestration.jobs import metadata_config, refresh_metadata

    done = _run(_ready(), refresh_metadata.name, metadata_config(limit), "the enrichment")
    fetched = done.metadata_of("spotify_objects")
    output().print(
        f"[bold]{fetched['run_tracks']:,} tracks, {fetched['run_albums']:,} albums, "
        f"{fetched['run_artists']:,} artists[/bold] in {fetched['run_calls']:,} calls and {done.seconds:.1f} s; "
        f"{fetched['run_resolved']:,} names without an id found, "
        f"{fetched['run_gone']:,} ids gone, {fetched['run_failed']:,} failed",
        highlight=False,
    )
    if "stopped" in fetched:
        note(f"stopped: {fetched['stopped']}")


@app.command(rich_help_panel=PANEL)
def genres(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Calls at most.")] = 300,
) -> None:
    """Fetch genres, release dates and lengths from MusicBrainz now, of artists of whom Spotify tells no genres.

    The most played come first; an artist takes three calls or more, a second each. `myi up` does this by itself, once
    MYI_MUSICBRAINZ_CONTACT names an e-mail address or URL at which MusicBrainz can reach you. Needs no Spotify account.

    Example:

      myi genres --limit 50
    """
    from myi_pipelines.ingest.musicbrainz.genre_fetch import ContactMissing
    from myi_pipelines.orchestration.jobs import genre_config, refresh_genres

    settings = read_settings()
    if not settings.musicbrainz_contact:
        raise ContactMissing
    ready_servers(settings, redis=True)
    with warehouse_connection(settings):
        pass
    done = _run(settings, refresh_genres.name, genre_config(limit), "the search for genres", months=False)
    fetched = done.metadata_of("musicbrainz_objects")
    output().print(
        f"[bold]genres of {fetched['run_found']:,} artists[/bold] in {fetched['run_calls']:,} calls and "
        f"{done.seconds:.1f} s; {fetched['run_not_found']:,} artists not found, {fetched['run_failed']:,} failed",
        highlight=False,
    )
    if "stopped" in fetched:
        note(f"stopped: {fetched['stopped']}")


@app.command(rich_help_panel=PANEL)
def quota() -> None:
    """Show the calls that were made to Spotify in the last 24 hours, what is left, and what is blocked until when."""
    from contextlib import closing

    from rich.table import Table

    from myi_pipelines.runtime.servers import servers_of
    from myi_pipelines.sources.spotify.rate_limits import Gate

    settings = read_settings()
    ready_servers(settings, redis=True)
    with closing(Gate(servers_of(settings).redis_url, settings.calls_per_minute, settings.calls_per_day)) as gate:
        usage = gate.usage()
    if not usage:
        complain("Redis does not answer, so the calls are not known; see `myi doctor`")
        raise typer.Exit(1)
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("endpoints")
    for name in ("last minute", "24 hours", "of", "left"):
        table.add_column(name, justify="right")
    table.add_column("blocked until")
    for one in usage:
        table.add_row(
            escape(one.group.value),
            f"{one.calls_last_minute:,}",
            f"{one.calls_last_day:,}",
            f"{one.budget:,}",
            f"{max(0, one.budget - one.calls_last_day):,}",
            f"{one.blocked_until.astimezone():%Y-%m-%d %H:%M}" if one.blocked_until else "",
        )
    output().print(table)


def _ready() -> "Settings":
    """The settings, which name an app, with servers that run and a schema that is current."""
    from myi_pipelines.ingest.spotify.app_settings import app_of

    settings = read_settings()
    app_of(settings)
    ready_servers(settings, redis=True)
    with warehouse_connection(settings):
        pass
    return settings


def _run(settings: "Settings", job: str, config: Any, doing: str, *, months: bool = True) -> "Done":
    from myi_pipelines.cli.foreground_run import run_job
    from myi_pipelines.orchestration.instance.foreground import ForegroundRun
    from myi_pipelines.orchestration.partitions import recent_months

    tags = recent_months(datetime.now(UTC)) if months else {}
    return run_job(settings, ForegroundRun(job, config, tags, doing))


def _cells(markdown: str) -> str:
    """The rows of a Markdown table, for a line."""
    rows = [line.strip("| ").replace(" | ", ": ") for line in markdown.splitlines()[2:]]
    return "; ".join(rows).replace("\\", "")
