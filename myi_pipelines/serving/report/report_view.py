"""Draws a report in the terminal with rich: at 80 columns or more, with colours or without. Reads no database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.segment import Segment, Segments
from rich.table import Table
from rich.text import Text

from myi_pipelines.serving.dashboards import Recording, Top
from myi_pipelines.serving.report.bars import bar, columns, spark
from myi_pipelines.serving.report.not_music import SPOKEN, Show
from myi_pipelines.serving.report.report_data import MONTHS, ListedSong, Period, Report, Streamed, UserReport
from myi_pipelines.sources.exports import NOT_COUNTED
from myi_pipelines.text import counted

WIDEST = 120
NARROWEST = 60
RECORDINGS_SHOWN = 4
SIDE_BY_SIDE = 118  # columns from which on lists and charts stand next to one another

_SHADES = ("#17803d", "#189247", "#1aa550", "#1cbb5a", "#1ed760")  # from quiet to loud
_QUIET = _SHADES[0]
_TITLE, _NAME, _NOTE = "bold", f"bold {_SHADES[2]}", "dim"

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# Characters in a song's name that would move the cursor or reverse the line.
_UNSAFE = dict.fromkeys([*range(32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A)], "\ufffd")


def render_report(report: Report, console: Console) -> None:
    """Print a report: never wider than 120 columns, and made for 80 or more."""
    width = _width(console)
    _print(_parts(report, width), width, console)


def render_section(title: str, note: str, content: RenderableType, console: Console) -> None:
    """Print something else in a report's frame."""
    width = _width(console)
    _print([_headline(title, note, width), _block(content), ""], width, console)


def _width(console: Console) -> int:
    return max(NARROWEST, min(console.width, WIDEST))


def _print(parts: Iterable[RenderableType], width: int, console: Console) -> None:
    options = console.options.update(width=width, highlight=False)
    for part in parts:
        for line in console.render_lines(part, options, pad=False):
            console.print(Segments([*_trimmed(line), Segment.line()]), end="")


def _trimmed(line: list[Segment]) -> list[Segment]:
    """A line without the spaces at its end, which would show in a file and in whatever is copied from the terminal."""
    while line and not line[-1].text.rstrip():
        line = line[:-1]
    return line and [*line[:-1], Segment(line[-1].text.rstrip(), line[-1].style)]


def _parts(report: Report, width: int) -> Iterator[RenderableType]:
    if not report.users:
        yield Text("There is no listening history yet. Import the ZIP that Spotify sent you:")
        yield Text("  myi import my_spotify_data.zip --user NAME", _TITLE)
        return
    if len(report.users) > 1:
        yield from _overview(report, width)
    for user in report.users:
        yield from _user_report(user, report.year, width)
    yield ""


def _overview(report: Report, width: int) -> Iterator[RenderableType]:
    yield _headline("Everyone", str(report.year or ""), width)
    table = Table.grid(padding=(0, 3, 0, 0))
    table.add_column(no_wrap=True, overflow="ellipsis", max_width=width // 4)
    for _ in range(4):
        table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_row("", *(Text(title, _NOTE) for title in ("plays", "hours", "tracks", "artists")), "")
    for one in report.users:
        years = "–".join(str(year) for year in sorted(set(one.years or ()))) if report.year is None else ""
        table.add_row(
            Text(_plain(one.name), _TITLE),
            Text(f"{one.play_count:,}"),
            Text(f"{one.total_ms / 3_600_000:,.0f}"),
            Text(f"{one.tracks:,}"),
            Text(f"{one.artists:,}"),
            _sparkline([period.play_count for period in one.periods]) + Text(f"  {years}", _NOTE),
        )
    yield _block(table)


def _user_report(one: UserReport, year: int | None, width: int) -> Iterator[RenderableType]:
    yield _headline(_plain(one.name) + (f" in {year}" if year else ""), one.timezone, width)
    inner = width - 2
    if not one.play_count:
        yield _block(_facts(_emptiness(one, year) | _as_spotify_counts(one, year)))
        if one.streamed and year is None:
            yield _block(_streamed_years(one.streamed, inner))
        yield from _not_music(one, inner)
        if facts := _imported(one, year):
            yield _block(_facts(facts))
        return
    calendar = "Year by year" if year is None else "Month by month"
    yield _block(_totals(one))
    yield _block(_facts(_story(one) | _as_spotify_counts(one, year)))
    if width < SIDE_BY_SIDE:
        yield _block(_most_played(one, inner, 16))
        yield _block(_top_list("Top artists", one.top_artists, inner, 16))
        yield _block(_calendar(calendar, one.periods, inner))
        hour_width = 2 if inner >= 76 else 1
        yield _block(_beside(4, _clock(one.hours, hour_width), _week(one.weekdays, inner - 24 * hour_width - 4)))
    else:
        artists = inner * 2 // 5
        yield _block(
            _beside(
                4,
                _most_played(one, inner - artists - 4, 12),
                _top_list("Top artists", one.top_artists, artists, 12),
            )
        )
        hour_width = 2 if year is None else 1
        charts = 24 * hour_width + 4 + 22
        yield _block(
            _beside(
                4,
                _calendar(calendar, one.periods, inner - charts - 4),
                _beside(4, _clock(one.hours, hour_width), _week(one.weekdays, 22)),
            )
        )
    yield from _not_music(one, inner)
    if one.streamed and year is None:
        yield _block(_streamed_years(one.streamed, inner))
    if facts := _imported(one, year):
        yield _block(_facts(facts))


# Pieces


def _headline(title: str, note: str, width: int) -> RenderableType:
    title_text = Text(title, _NAME)
    title_text.truncate(width - cell_len(note) - 12, overflow="ellipsis")
    line = Text.assemble("\n", ("━━ ", _QUIET), title_text, " ")
    line.append("━" * (width - title_text.cell_len - 4 - (cell_len(note) + 4 if note else 0)), _QUIET)
    if note:
        line.append(f" {note} ", _NOTE).append("━━", _QUIET)
    return line


def _block(content: RenderableType) -> RenderableType:
    """A piece of a report: indented, with a line of air above."""
    return Padding(content, (1, 0, 0, 2))


def _beside(gap: int, *pieces: RenderableType) -> Table:
    table = Table.grid(padding=(0, gap, 0, 0), pad_edge=False)
    table.add_row(*pieces)
    return table


def _lines(title: str, lines: Sequence[Text], width: int) -> RenderableType:
    """A title and lines that are cut at `width` and filled up to it, so that what stands beside them stays in place."""
    text = Text(no_wrap=True)
    for line in (Text(title, _TITLE), *lines):
        line.truncate(width, overflow="ellipsis", pad=True)
        text.append_text(line).append("\n")
    text.right_crop(1)
    return text


def _totals(one: UserReport) -> RenderableType:
    table = Table.grid(padding=(0, 5, 0, 0))
    numbers = {
        "plays": one.play_count,
        "hours": round(one.total_ms / 3_600_000),
        "tracks": one.tracks,
        "artists": one.artists,
        "days with music": len(one.days),
    }
    table.add_row(*(Text(f"{number:,}", _NAME) for number in numbers.values()))
    table.add_row(*(Text(name, _NOTE) for name in numbers))
    return table


def _facts(facts: Mapping[str, str | Text]) -> RenderableType:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style=_NOTE, no_wrap=True)
    table.add_column()
    for name, fact in facts.items():
        table.add_row(name, fact if isinstance(fact, Text) else Text(fact))
    return table


def _story(one: UserReport) -> dict[str, str | Text]:
    facts: dict[str, str | Text] = {}
    if one.first_play:
        song = f"{_day(one.first_play.played_at.date())}, “{_plain(one.first_play.name)}”"
        facts["first play"] = song + (f" by {_plain(one.first_play.artist)}" if one.first_play.artist else "")
    if streak := one.longest_streak:
        days = "1 day" if streak.days == 1 else f"{streak.days:,} days in a row"
        facts["best streak"] = f"{days}, from {_day(streak.first)}"
    weekday, hour = (numbers.index(max(numbers)) for numbers in (one.weekdays, one.hours))
    facts["busiest"] = f"on {_WEEKDAYS[weekday]}s, and between {hour:02}:00 and {(hour + 1) % 24:02}:00"
    return facts


def _most_played(one: UserReport, width: int, bar_width: int) -> RenderableType:
    if one.top_tracks:
        return _top_list("Top tracks", one.top_tracks, width, bar_width)
    return _top_list("Top songs", one.top_songs, width, bar_width)


def _top_list(title: str, tops: Sequence[Top | ListedSong], width: int, bar_width: int) -> RenderableType:
    """Names come last in their line: terminals disagree about how wide some scripts are."""
    most = max((top.play_count for top in tops), default=0)
    digits = len(f"{most:,}")
    lines = []
    for rank, top in enumerate(tops, 1):
        filled = bar(top.play_count, most, bar_width)
        line = Text.assemble((f"{rank:>2}  ", _NOTE), f"{top.play_count:>{digits},} ")
        line.append(filled, _shade(top.play_count, most)).append(" " * (bar_width - len(filled) + 2))
        line.append(_plain(top.name), _TITLE if rank == 1 else "")
        if top.artist:
            line.append(f"  {_plain(top.artist)}", _NOTE)
        lines.append(line)
        if isinstance(top, ListedSong):
            lines += _recordings(top.recordings, digits, bar_width)
    return _lines(title, lines, width)


def _recordings(recordings: Sequence[Recording], digits: int, bar_width: int) -> list[Text]:
    """A line for each track of a song, below the song's."""
    lines = []
    for one in recordings[:RECORDINGS_SHOWN]:
        on_album = f"  {_plain(one.album)}" if one.album else ""
        lines.append(Text(f"    {one.play_count:>{digits},} {'':{bar_width}}  · {_plain(one.name)}{on_album}", _NOTE))
    if (more := len(recordings) - RECORDINGS_SHOWN) > 0:
        lines.append(Text(f"    {'':{digits}} {'':{bar_width}}  · and {more} more", _NOTE))
    return lines


def _not_music(one: UserReport, width: int) -> Iterator[RenderableType]:
    """Podcasts and audiobooks, by time; and what else was played that is not music."""
    found = one.not_music
    facts: dict[str, str | Text] = {}
    if found.plays(*SPOKEN)[0]:
        yield _block(_shows(found.shows, width))
        facts["in all"] = _spoken(one)
    if videos := found.plays("VIDEO")[0]:
        facts["videos"] = f"{videos:,} without a track, {_hours(found.plays('VIDEO')[1])}"
    if unidentified := found.plays("UNIDENTIFIED")[0]:
        plays = "1 play" if unidentified == 1 else f"{unidentified:,} plays"
        facts["unidentified"] = f"{plays}, {_hours(found.plays('UNIDENTIFIED')[1])}: Spotify does not say of what"
    if facts:
        yield _block(_facts(facts))


def _shows(shows: Sequence[Show], width: int) -> RenderableType:
    most = max((show.total_ms for show in shows), default=0)
    hours = [_hours(show.total_ms) for show in shows]
    digits = max(map(len, hours), default=0)
    lines = []
    for rank, (show, heard) in enumerate(zip(shows, hours, strict=True), 1):
        filled = bar(show.total_ms, most, 16)
        line = Text.assemble((f"{rank:>2}  ", _NOTE), f"{heard:>{digits}} ")
        line.append(filled, _shade(show.total_ms, most)).append(" " * (16 - len(filled) + 2))
        line.append(_plain(show.name), _TITLE if rank == 1 else "")
        kind = "audiobook, " if show.kind == "CHAPTER" else ""
        plays = "1 play" if show.play_count == 1 else f"{show.play_count:,} plays"
        line.append(f"  {kind}{plays}", _NOTE)
        lines.append(line)
    return _lines("Podcasts and audiobooks", lines, width)


def _spoken(one: UserReport) -> str:
    """The time with podcasts and audiobooks, and its share of all listening, by year."""
    spoken = one.not_music.spoken_ms()
    music = {period.label: period.total_ms for period in one.periods}
    plays, total_ms = one.not_music.plays(*SPOKEN)
    share = total_ms / (total_ms + one.total_ms)
    text = f"{'1 play' if plays == 1 else f'{plays:,} plays'}, {_hours(total_ms)}, {share:.0%} of all listening"
    if len(spoken) < 2:
        return text
    years = (f"{year} {ms / (ms + music.get(str(year), 0)):.0%}" for year, ms in spoken.items())
    return f"{text} ({', '.join(years)})"


def _hours(ms: int) -> str:
    return f"{ms / 3_600_000:,.0f} h" if ms >= 3_600_000 else f"{ms / 60_000:,.0f} min"


def _calendar(title: str, periods: Sequence[Period], width: int) -> RenderableType:
    """A line for each period: its parts as a sparkline, all to one scale, and its sum as a bar."""
    busiest = max((cell for period in periods for cell in period.cells), default=0)
    most = max((period.play_count for period in periods), default=0)
    cells = max((len(period.cells) for period in periods), default=0)
    digits = len(f"{most:,}")
    hours = [f"{period.total_ms / 3_600_000:,.0f} h" for period in periods]
    hour_digits = max(map(len, hours), default=0)
    bar_width = min(40, width - 6 - cells - 2 - digits - 2 - hour_digits - 1)
    lines = []
    for period, heard in zip(periods, hours, strict=True):
        filled = bar(period.play_count, most, bar_width)
        line = Text.assemble((f"{period.label:<6}", _NOTE))
        line.append_text(_sparkline(period.cells, busiest)).append(" " * (cells - len(period.cells) + 1))
        line.append(f"{period.play_count:>{digits},} ")
        line.append(filled, _shade(period.play_count, most)).append(" " * (bar_width - len(filled) + 1))
        line.append(f"{heard:>{hour_digits}}", _NOTE)
        lines.append(line)
    return _lines(title, lines, width)


def _clock(hours: Sequence[int], hour_width: int) -> RenderableType:
    most = max(hours)
    lines = []
    for row in columns(hours, 6, hour_width):
        line = Text()
        for cell, plays in zip(row, hours, strict=True):
            line.append(cell, _shade(plays, most))
        lines.append(line)
    lines.append(Text("".join(f"{hour:02}".ljust(6 * hour_width) for hour in (0, 6, 12, 18)), _NOTE))
    return _lines("Hour of the day", lines, 24 * hour_width)


def _week(weekdays: Sequence[int], width: int) -> RenderableType:
    most = max(weekdays)
    digits = len(f"{most:,}")
    lines = []
    for name, plays in zip(_WEEKDAYS, weekdays, strict=True):
        filled = bar(plays, most, width - 6 - digits)
        lines.append(Text.assemble((f"{name[:3]}  ", _NOTE), f"{plays:>{digits},} ", (filled, _shade(plays, most))))
    return _lines("Day of the week", lines, width)


def _sparkline(values: Sequence[int], most: int | None = None) -> Text:
    most = max(values, default=0) if most is None else most
    text = Text()
    for value in values:
        text.append(spark([value], most), _shade(value, most) if value else _NOTE)
    return text


def _as_spotify_counts(one: UserReport, year: int | None) -> dict[str, str | Text]:
    """The one line of a year."""
    if year is None or not one.streamed:
        return {}
    [streamed] = one.streamed
    return {"as Spotify counts": f"{counted(streamed.play_count, 'stream')}, {counted(_minutes(streamed), 'minute')}"}


def _streamed_years(years: Sequence[Streamed], width: int) -> RenderableType:
    """Each year with its streams and minutes, in as many columns as there is room for."""
    numbers = ([one.play_count for one in years], [_minutes(one) for one in years])
    digits = [len(f"{max(some):,}") for some in numbers]
    texts = []
    for one in years:
        text = Text.assemble((f"{one.year}  ", _NOTE), f"{one.play_count:>{digits[0]},}", (" streams  ", _NOTE))
        texts.append(text.append(f"{_minutes(one):>{digits[1]},}").append(" min", _NOTE))
    gap = 6
    abreast = max(1, (width + gap) // (texts[0].cell_len + gap))
    high = -(-len(texts) // abreast)
    lines = [Text(" " * gap).join(texts[row::high]) for row in range(high)]
    return _lines("As Spotify counts", lines, width)


def _minutes(streamed: Streamed) -> int:
    return streamed.total_ms // 60_000


def _imported(one: UserReport, year: int | None) -> dict[str, str | Text]:
    """Where it all came from, and what of it does not count; files are not of one year."""
    facts: dict[str, str | Text] = {}
    imports = one.imports
    if year is None and imports.files:
        files = "1 file" if imports.files == 1 else f"{imports.files:,} files"
        again = f", {imports.duplicate_rows:,} of them repeated" if imports.duplicate_rows else ""
        facts["imported"] = f"{files} with {imports.rows:,} rows{again}"
        by_size = sorted(imports.rejected.items(), key=lambda item: (-item[1], item[0]))
        if reasons := [
            f"{rows:,} {NOT_COUNTED.get(reason, reason.replace('_', ' '))}" for reason, rows in by_size if rows
        ]:
            facts["not counted"] = ", ".join(reasons)
    if one.invalidated_user_months:
        months = "1 month is" if one.invalidated_user_months == 1 else f"{one.invalidated_user_months:,} months are"
        facts["unfinished"] = f"{months} still to be computed: numbers will change"
    return facts


def _emptiness(one: UserReport, year: int | None) -> dict[str, str | Text]:
    if one.years is None:
        return (
            {} if one.invalidated_user_months else {"no plays": "nothing that was imported counts as a listening event"}
        )
    first, last = one.years
    return {"no plays": f"in {year}; the history goes from {first} to {last}"}


def _shade(value: float, most: float) -> str:
    return _SHADES[min(len(_SHADES) - 1, int(value / most * len(_SHADES)))] if most else _QUIET


def _day(day: date) -> str:
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def _plain(name: str) -> str:
    return name.translate(_UNSAFE)
