"""``myi up``: the whole stack, until Ctrl-C."""

import time

import typer

from myi_pipelines.cli.app import app, note, read_settings


@app.command(rich_help_panel="Start here")
def up() -> None:
    """Run everything: pages, servers, Dagster's UI and its daemon, which imports what you put into uploads/<name>/.

    Ctrl-C stops all that this command started; servers that ran before stay up. Choose other ports with MYI_PORT=3010
    MYI_WEB_PORT=3011 myi up.
    """
    from myi_pipelines.orchestration.names import lineage_url
    from myi_pipelines.runtime.signals import stopping_on_signals
    from myi_pipelines.runtime.stack import running_stack

    settings = read_settings()
    try:
        with stopping_on_signals(), running_stack(settings, progress=note) as stack:
            typer.echo(
                f"MYI is up: {stack.web_url} (`myi open` signs you in; uploads go into "
                f"{settings.uploads}/<your name>/; Ctrl-C stops it)"
            )
            typer.echo(f"Dagster's UI: {lineage_url(stack.url)}")
            while True:
                stack.keep_running(progress=note)
                time.sleep(0.5)
    except KeyboardInterrupt:
        note("stopped")
