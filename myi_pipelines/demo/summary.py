"""The report's section on Spotify: what came from the linked accounts, and how many calls it took. Draws only."""

from collections.abc import Mapping

from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from myi_pipelines.demo.arrivals import Arrivals, UserArrivals
from myi_pipelines.demo.screen import GREEN, NOTE, QUIET
from myi_pipelines.serving.report import render_section

BAR = 20


def print_spotify(arrivals: Arrivals, calls: Mapping[str, int], console: Console) -> None:
    """Print the section. ``calls`` are those of the Web API, by group of endpoints."""
    content = Group(_users(arrivals), "", _metadata(arrivals), "", _cost(calls))
    render_section("Spotify", "simulated", content, console)


def _users(arrivals: Arrivals) -> RenderableType:
    table = Table.grid(padding=(0, 3, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column()
    table.add_column()
    table.add_row(*(_cut((title, NOTE)) for title in ("linked", "polled", "top track of four weeks", "top artist")))
    for user in arrivals.users:
        table.add_row(Text(user.name), f"{user.polled_plays:,} plays", _track(user), _cut(user.first_artist or "–"))
    return table


def _track(user: UserArrivals) -> Text:
    if user.first_track is None:
        return Text("–")
    return _cut(user.first_track, (f"  {user.first_track_artist or ''}", NOTE))


def _cut(*parts: str | tuple[str, str]) -> Text:
    """One line that ends in an ellipsis on a narrow terminal, while columns that must not wrap keep their width."""
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
    by_group = ", ".join(f"{count:,} {group}" for group, count in calls.items())
    return Text.assemble((f"{sum(calls.values()):,} calls", "bold"), (f"  {by_group}", NOTE))
