"""``myi serve``: the web server."""

import typer

from myi_pipelines.cli.app import app, note, read_settings, warehouse_connection


@app.command(rich_help_panel="Servers")
def serve() -> None:
    """Serve the pages and the API, until Ctrl-C. `myi up` does it by itself, beside Dagster.

    Choose another port with MYI_WEB_PORT=3011 myi serve.
    """
    from myi_pipelines.serving.process import serve as serve_until_end

    settings = read_settings()
    with warehouse_connection(settings):
        pass
    typer.echo(f"serving at {settings.web_url} (Ctrl-C stops it)")
    serve_until_end(settings)
    note("stopped")
