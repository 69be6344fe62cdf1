"""The report's section on Spotify: what linking accounts brought, and what it cost. Reads no database, asks nobody."""

from collections.abc import Mapping

from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from myi_pipelines.demo.arrivals import Arrivals, FromSpotify
from myi_pipelines.demo.screen import GREEN, NOTE, QUIET
from myi_pipelines.serving.report import render_section

BAR = 20


def print_spotify(arrivals: Arrivals, calls: Mapping[str, int], console: Console) -> None:
    """Print the section. ``calls`` are those of the Web API, by family of endpoints."""
    content = Group(_listeners(arrivals), "", _metadata(arrivals), "", _cost(calls))
    render_section("Spotify", "simulated", content, console)


def _listeners(arrivals: Arrivals) -> RenderableType:
    table = Table.grid(padding=(0, 3, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column()
    table.add_column()
    table.add_row(*(_cut((title, NOTE)) for title in ("linked", "polled", "top track of four weeks", "top artist")))
    for one in arrivals.listeners:
        table.add_row(Text(one.name), f"{one.polled_plays:,} plays", _track(one), _cut(one.first_artist or "–"))
    return table


def _track(one: FromSpotify) -> Text:
    if one.first_track is None:
        return Text("–")
    return _cut(one.first_track, (f"  {one.first_track_artist or ''}", NOTE))


def _cut(*parts: str | tuple[str, str]) -> Text:
    """One line, the end of which gives way where the terminal is narrow: only columns that may wrap shrink alone."""
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")


def _metadata(arrivals: Arrivals) -> RenderableType:
    table = Table.grid(padding=(0, 3, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(width=BAR)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True, style=NOTE)
    table.add_column(no_wrap=True, style=NOTE)
    table.add_row(*(Text(title, NOTE) for title in ("metadata of", "", "now", "before", "")))
    for before, now in zip(arrivals.before, arrivals.now, strict=True):
        drawn = ProgressBar(
            total=1, completed=now.share, width=BAR, style="grey23", complete_style=GREEN, finished_style=QUIET
        )
        counted = f"{now.with_metadata:,} of {now.known:,}"
        table.add_row(now.kind, drawn, f"{now.share:.0%}", f"{before.share:.0%}", counted)
    return table


def _cost(calls: Mapping[str, int]) -> RenderableType:
    by_family = ", ".join(f"{count:,} {group}" for group, count in calls.items())
    return Text.assemble((f"{sum(calls.values()):,} calls", "bold"), (f"  {by_family}", NOTE))
