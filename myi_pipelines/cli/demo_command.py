"""``myi demo``: the whole stack with a sample history in it."""

from typing import Annotated

import typer

from myi_pipelines.cli.app import INTERRUPTED, Terminal, app, complain, note, read_settings


@app.command(rich_help_panel="Start here")
def demo(
    exit: Annotated[bool, typer.Option("--exit", help="End after the report instead of serving the UI.")] = False,  # noqa: A002
    plays: Annotated[int, typer.Option(min=300, max=1_000_000, help="About how many plays to make up.")] = 60_000,
) -> None:
    """Try it all with made-up listeners: Dagster imports their exports, asks a simulated Spotify, a report is printed.

    The exports go into uploads/ of its home; the listeners' accounts are linked to a Spotify that runs on this machine,
    for as long as the demo does. Then Dagster's UI is served until Ctrl-C, which stops all that was started. A second
    demo finds the sample imported. All of it is in .myi-demo, apart from your own history, unless you set MYI_HOME.
    """
    from myi_pipelines.demo.home import demo_settings
    from myi_pipelines.demo.run import run_demo
    from myi_pipelines.runtime.signals import stopping_on_signals

    settings = demo_settings(read_settings())
    try:
        with stopping_on_signals():
            run_demo(settings, plays=plays, stay=not exit, out=Terminal(), err=Terminal(stderr=True), say=note)
    except KeyboardInterrupt:
        complain("interrupted; the next `myi demo` goes on from here")
        raise typer.Exit(INTERRUPTED) from None
    note("stopped")
