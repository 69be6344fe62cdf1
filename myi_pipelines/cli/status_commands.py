"""``myi status``, ``myi metrics`` and ``myi notify``: how a deployment is, for people and for monitoring."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from myi_pipelines.cli.app import app, note, output, read_settings

if TYPE_CHECKING:
    from myi_pipelines.operations.monitoring.health import CheckResult

PANEL = "Watching over it"


@app.command(rich_help_panel=PANEL)
def status(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as broken: exit code 2.")] = False,
) -> None:
    """Show how everything is, a line each: servers, daemon, runs, sync, user-months, imports, partitions, disk.

    Starts nothing and changes nothing. Exit code 0: all is well, 1: warnings, 2: something is broken.

    Examples:

      myi status

      myi status --json

      myi status > /tmp/status || myi notify "$(cat /tmp/status)"
    """
    from myi_pipelines.operations.monitoring.health import Level, worst

    results = _results()
    level = worst(results)
    if as_json:
        _write_json(results)
    else:
        _write_lines(results)
    raise typer.Exit(Level.BROKEN if strict and level == Level.WARNING else level)


def _results() -> "list[CheckResult]":
    """What was found; wrong settings are a result too."""
    from myi_pipelines.operations.monitoring.health import CheckResult, Level, evaluate
    from myi_pipelines.operations.monitoring.health_snapshot import read_health_snapshot
    from myi_pipelines.settings import SettingsError

    try:
        settings = read_settings()
    except SettingsError as error:
        return [CheckResult("settings", Level.BROKEN, str(error))]
    return evaluate(read_health_snapshot(settings))


def _write_lines(results: "list[CheckResult]") -> None:
    from rich.text import Text

    from myi_pipelines.operations.monitoring.health import Level

    marks = {Level.OK: ("✓", "green"), Level.WARNING: ("!", "yellow"), Level.BROKEN: ("✗", "red")}
    console = output()
    for result in results:
        mark, color = marks[result.level]
        line = Text.assemble((mark, color), f" {result.name:<11} ", (result.text, "" if color == "green" else color))
        console.print(line, soft_wrap=True)


def _write_json(results: "list[CheckResult]") -> None:
    from myi_pipelines.operations.monitoring.health import worst

    answer = {
        "level": worst(results).name.lower(),
        "checked_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "results": [{"name": one.name, "level": one.level.name.lower(), "text": one.text} for one in results],
    }
    typer.echo(json.dumps(answer, ensure_ascii=False, indent=2))


@app.command(rich_help_panel=PANEL)
def metrics(
    serve: Annotated[
        int | None,
        typer.Option(min=0, max=65_535, metavar="PORT", help="Answer HTTP there until stopped; 0: any port."),
    ] = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    users: Annotated[bool, typer.Option("--users", help="Also each user's numbers, with names as labels.")] = False,
) -> None:
    """Print the metrics in Prometheus' text format, or serve them.

    Examples:

      myi metrics

      myi metrics --serve 9464
    """
    from myi_pipelines.operations.monitoring.prometheus import exposition

    settings = read_settings()
    if serve is None:
        typer.echo(exposition(settings, with_users=users), nl=False)
        return

    import threading

    from myi_pipelines.operations.monitoring.prometheus import serving
    from myi_pipelines.runtime.signals import stopping_on_signals

    with serving(settings, host, serve, with_users=users) as port:
        note(f"metrics at http://{host}:{port}/metrics; Ctrl-C stops")
        try:
            with stopping_on_signals():
                threading.Event().wait()
        except KeyboardInterrupt:
            note("stopped")


@app.command(rich_help_panel=PANEL)
def notify(
    text: Annotated[str, typer.Argument(help="The message.")],
    title: Annotated[str, typer.Option(help="The message's title.")] = "MYI",
) -> None:
    """Send a message through the services that MYI_NOTIFY_URLS names, to test whether they work.

    Example:

      myi notify "Hello from MYI"
    """
    from myi_pipelines.operations.monitoring.notifications import notify as send

    sent = send(read_settings(), title, text)
    output().print(f"sent to {', '.join(sent.accepted)}", highlight=False)
    if sent.refused:
        note(f"refused by: {', '.join(sent.refused)}")
        raise typer.Exit(1)
