"""Corrections: ``myi hide``, ``unhide`` and ``corrections``."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from myi_pipelines.cli.app import app, complain, note, output, read_settings, warehouse_connection
from myi_pipelines.errors import InputError
from myi_pipelines.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from myi_pipelines.operations.correcting import Outcome
    from myi_pipelines.settings import Settings
    from myi_pipelines.warehouse.correction_targets import PlayTarget, Target
    from myi_pipelines.warehouse.corrections import Correction
    from myi_pipelines.warehouse.database.connections import Connection
    from myi_pipelines.warehouse.session import Session

PANEL = "Your history"
AMBIGUOUS = 2
MIN_JOINED = 2

What = Literal["track", "song", "artist", "album", "show", "play", "period"]
WhatArgument = Annotated[What, typer.Argument(metavar="KIND", help="track, song, artist, album, show, play or period.")]
NameArgument = Annotated[
    str | None, typer.Argument(metavar="NAME", help="Its name, or its address from Spotify's Share menu.")
]
TracksArgument = Annotated[
    list[str],
    typer.Argument(metavar="TRACK TRACK…", help="Two or more: names, or addresses from Spotify's Share menu."),
]
TrackArgument = Annotated[
    str, typer.Argument(metavar="TRACK", help="Its name, or its address from Spotify's Share menu.")
]
User = Annotated[str, typer.Option(help="The listener, as `myi users` names them.")]
Artist = Annotated[str | None, typer.Option(help="Of a track or album: only this artist's.")]
At = Annotated[str | None, typer.Option(help="Of a play: when it ended, by the listener's clock, to the minute.")]
From = Annotated[str | None, typer.Option("--from", help="Of a period: its first day, or a time of it.")]
Until = Annotated[str | None, typer.Option("--until", help="Of a period: its last day, or the time of its end.")]


class WrongArguments(InputError):
    """The options do not say what is to be hidden."""


@app.command(rich_help_panel=PANEL)
def hide(
    kind: WhatArgument,
    user: User,
    name: NameArgument = None,
    artist: Artist = None,
    at: At = None,
    first: From = None,
    last: Until = None,
) -> None:
    """Leave plays out of events and statistics: of a track, song, artist, album or show, one play, a stretch of time.

    Nothing is deleted: `myi unhide` shows them again. What lands later is hidden too. `myi corrections` lists what is
    hidden. Exit code 2: the name means several things, which are listed.

    Examples:

      myi hide artist "White Noise" --user anna

      myi hide track spotify:track:4uLU6hMCjMI75M1A2tKUQC --user anna

      myi hide album "Sleep" --artist "Max Richter" --user anna

      myi hide show "Bedtime Stories" --user anna

      myi hide play --at "2024-05-01 18:30" --user anna

      myi hide period --from 2024-12-24 --until 2024-12-26 --user anna
    """
    from myi_pipelines.operations import correcting
    from myi_pipelines.warehouse import correction_targets
    from myi_pipelines.warehouse.corrections import Kind
    from myi_pipelines.warehouse.users import known_user

    _require_arguments(kind, name, at, (first, last))
    settings = read_settings()
    with warehouse_connection(settings) as conn:
        known = known_user(conn, user)
        hidden = Kind[f"HIDE_{kind.upper()}"]
        if hidden is Kind.HIDE_PERIOD:
            span = correction_targets.span_between(conn, known.id, first, last)
            what, shown = span.what, "what was played then"
        elif hidden is Kind.HIDE_SHOW:
            show = correction_targets.find_show(conn, known.id, name or "")
            what, shown = show.what, str(show)
        elif hidden is Kind.HIDE_PLAY:
            play = _the_only_play(conn, known.id, at or "", name)
            what, shown = play.what, str(play)
        else:
            target = _the_only_target(correction_targets.find_targets(conn, known.id, hidden, name or "", artist), kind)
            what, shown = target.what, str(target)
        outcome = correcting.hide(_session(conn, settings), known.id, hidden, what)
    if not outcome.corrected.is_new:
        _say(f"{shown} is hidden already: correction {outcome.corrected.id}")
        return
    change = correcting.change_text(outcome.derived.more_plays)
    _say(f"{shown} is hidden: {change}; `myi unhide {outcome.corrected.id}` shows it")


@app.command("undo-import", rich_help_panel=PANEL)
def undo_import(
    job: Annotated[int, typer.Argument(metavar="JOB", help="The import job, as `myi jobs` lists it.")],
) -> None:
    """Undo an import: plays that only this file tells do not count any more.

    What another import tells too stays, and so do polled plays. Nothing is deleted: `myi unhide`, or importing the file
    again, takes it back.

    Example:

      myi undo-import 12
    """
    from myi_pipelines.operations import correcting

    settings = read_settings()
    with warehouse_connection(settings) as conn:
        outcome = correcting.undo_import(_session(conn, settings), job)
    if not outcome.corrected.is_new:
        _say(f"import {job} is undone already: correction {outcome.corrected.id}")
        return
    change = correcting.change_text(outcome.derived.more_plays)
    _say(f"import {job} is undone: {change}; `myi unhide {outcome.corrected.id}` takes it back")


@app.command(rich_help_panel=PANEL)
def unhide(
    numbers: Annotated[list[int], typer.Argument(metavar="NUMBER…", help="As `myi corrections` lists them.")],
) -> None:
    """Take corrections back: what they hid counts again.

    Examples:

      myi unhide 3

      myi unhide 3 4 5
    """
    from myi_pipelines.operations import correcting

    settings = read_settings()
    with warehouse_connection(settings) as conn:
        outcomes = correcting.take_back(_session(conn, settings), numbers)
    derived = {outcome.corrected.user_id: outcome.derived for outcome in outcomes}.values()
    change = correcting.change_text(sum(one.more_plays for one in derived))
    _say(f"{counted(len(outcomes), 'correction')} taken back: {change}")


@app.command("join-songs", rich_help_panel=PANEL)
def join_songs(tracks: TracksArgument, user: User, artist: Artist = None) -> None:
    """Make tracks one song, together with the other recordings of theirs. It holds for all listeners.

    Exit code 2: a name means several songs, whose tracks are listed.

    Examples:

      myi join-songs spotify:track:4uLU6hMCjMI75M1A2tKUQC spotify:track:7GhIk7Il098yCjg4BQjzvb --user anna

      myi join-songs "Yoru" "Into the Night" --artist "YO" --user anna
    """
    from myi_pipelines.operations import correcting
    from myi_pipelines.warehouse.users import known_user

    if len(tracks) < MIN_JOINED:
        raise WrongArguments("one track is a song already: give two or more")
    settings = read_settings()
    with warehouse_connection(settings) as conn:
        known = known_user(conn, user)
        targets = [_a_track_of_the_only_song(conn, known.id, track, artist) for track in tracks]
        if all(target.what == targets[0].what for target in targets):
            raise WrongArguments(f"these all mean one track, {targets[0]}: give two or more")
        outcome = correcting.join_songs(_session(conn, settings), known.id, [target.what for target in targets])
    _say_songs(outcome, " and ".join(map(str, targets)) + " are one song")


@app.command("split-song", rich_help_panel=PANEL)
def split_song(track: TrackArgument, user: User, artist: Artist = None) -> None:
    """Make a track a song of its own, whatever its names and its ISRC. It holds for all listeners.

    Exit code 2: the name means several tracks, which are listed.

    Examples:

      myi split-song spotify:track:4uLU6hMCjMI75M1A2tKUQC --user anna
    """
    from myi_pipelines.operations import correcting
    from myi_pipelines.warehouse import correction_targets
    from myi_pipelines.warehouse.corrections import Kind
    from myi_pipelines.warehouse.users import known_user

    settings = read_settings()
    with warehouse_connection(settings) as conn:
        known = known_user(conn, user)
        found = correction_targets.find_targets(conn, known.id, Kind.HIDE_TRACK, track, artist)
        target = _the_only_target(found, "track")
        outcome = correcting.split_song(_session(conn, settings), known.id, target.what)
    _say_songs(outcome, f"{target} is a song of its own")


@app.command("corrections", rich_help_panel=PANEL)
def list_(
    user: Annotated[str | None, typer.Option(help="Only this listener's.")] = None,
) -> None:
    """List the corrections, each with the number by which `myi unhide` takes it back."""
    from rich.table import Table
    from rich.text import Text

    from myi_pipelines.warehouse.corrections import list_corrections
    from myi_pipelines.warehouse.users import known_user

    with warehouse_connection(read_settings()) as conn:
        found = list_corrections(conn, None if user is None else known_user(conn, user).id)
    if not found:
        note("no correction yet: `myi hide --help`")
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("number", "user", "what", "since", "plays"):
        table.add_column(column, justify="right" if column in ("number", "plays") else "left")
    for one in found:
        table.add_row(
            *(str(one.id), Text(one.user), Text(_described(one)), f"{one.created_at.astimezone():%Y-%m-%d %H:%M}"),
            "" if one.play_count is None else f"{one.play_count:,}",
        )
    output().print(table)


def _require_arguments(kind: What, name: str | None, at: str | None, period: tuple[str | None, str | None]) -> None:
    if kind == "period":
        if name is not None or at is not None or period == (None, None):
            raise WrongArguments("a period needs --from, --until or both, and no name")
    elif kind == "play":
        if at is None or period != (None, None):
            raise WrongArguments("a play needs --at, and the name of its track where several ended then")
    elif name is None or at is not None or period != (None, None):
        raise WrongArguments(f"hiding {'an' if kind[0] == 'a' else 'a'} {kind} needs its name, and no time")


def _the_only_target(found: "list[Target]", kind: What) -> "Target":
    """The target, or the end of the command when there are several."""
    if len(found) > 1:
        complain(f"several {kind}s have this name; give the address or name of one, or --artist:")
        _show_candidates([(one.what.get("spotify_id") or "no id", str(one), f"{one.play_count:,}") for one in found])
        raise typer.Exit(AMBIGUOUS)
    return found[0]


def _a_track_of_the_only_song(conn: "Connection", user_id: int, text: str, artist: str | None) -> "Target":
    """The most played track of a name, or the end of the command when its tracks are of several songs."""
    from myi_pipelines.warehouse import correction_targets
    from myi_pipelines.warehouse.corrections import Kind

    found = correction_targets.find_targets(conn, user_id, Kind.HIDE_TRACK, text, artist)
    if correction_targets.count_songs(conn, found) > 1:
        return _the_only_target(found, "track")
    return found[0]


def _say_songs(outcome: "Outcome", what: str) -> None:
    number = outcome.corrected.id
    if not outcome.corrected.is_new:
        _say(f"{what} already: correction {number}")
    else:
        _say(f"{what} now, for all listeners; `myi unhide {number}` takes it back")


def _the_only_play(conn: "Connection", user_id: int, at: str, track: str | None) -> "PlayTarget":
    from myi_pipelines.warehouse import correction_targets

    found = correction_targets.find_plays(conn, user_id, correction_targets.span_of_moment(conn, user_id, at), track)
    if not found:
        raise correction_targets.NoSuchTarget(f"no play{'' if track is None else f' of {track!r}'} ended at {at}")
    if len(found) > 1:
        complain("several plays ended then; add the name of the track, or the second:")
        _show_candidates(
            [(f"{one.played_at:%Y-%m-%dT%H:%M:%S}Z", str(one), f"{one.ms_played / 1000:,.0f} s") for one in found]
        )
        raise typer.Exit(AMBIGUOUS)
    return found[0]


def _show_candidates(rows: "Sequence[tuple[str, str, str]]") -> None:
    for row in rows:
        typer.echo("  ".join(row), err=True)


def _described(one: "Correction") -> str:
    """What a correction does, in words."""
    from datetime import datetime

    from myi_pipelines.zones import zone

    def local(instant: object) -> str:
        return f"{datetime.fromisoformat(str(instant)).astimezone(zone(one.timezone)):%Y-%m-%d %H:%M:%S}"

    what = one.kind.removeprefix("HIDE_").lower().replace("_", " ")
    if one.kind == "HIDE_PERIOD":
        ends = [f"{word} {local(one.what[word])}" for word in ("from", "until") if word in one.what]
        return f"period {' '.join(ends)}"
    names = one.names or one.what.get("spotify_id") or ""
    if one.kind == "UNDO_IMPORT":
        return f"import {one.what['job_id']} undone: {one.names}"
    if one.kind == "JOIN_SONGS":
        return f"one song: {names}"
    if one.kind == "SPLIT_SONG":
        return f"a song of its own: {names}"
    if one.kind == "HIDE_PLAY":
        return f"play {names} at {local(one.what['played_at'])}"
    return f"{what} {names}".rstrip()


def _session(conn: "Connection", settings: "Settings") -> "Session":
    from myi_pipelines.operations.archiving import restoring_from, store_of
    from myi_pipelines.warehouse.session import Session

    return Session(
        conn, min_play_ms=settings.min_play_ms, restore_archived=restoring_from(store_of(settings)), on_note=note
    )


def _say(line: str) -> None:
    output().print(line, markup=False, highlight=False)
