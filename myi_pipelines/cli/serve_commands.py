"""The web server and the ways into it: ``myi serve``, ``open`` and ``password``."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from myi_pipelines.cli.app import app, note, output, read_settings, standard_input, warehouse_connection
from myi_pipelines.errors import ConfigurationError, InputError

if TYPE_CHECKING:
    from myi_pipelines.orchestration.instance.user_runs import UserRuns
    from myi_pipelines.runtime.request_guard import App
    from myi_pipelines.settings import Settings
    from myi_pipelines.warehouse.database.connections import Connection

FACTORY = "myi_pipelines.cli.serve_commands:web_application"


class PasswordsDiffer(InputError):
    """The password was not typed twice alike, or not at all."""


def web_application() -> "App":
    """What each process of ``myi serve`` answers with."""
    from myi_pipelines.serving.process import from_settings

    return from_settings(_runs)


def _runs(settings: "Settings") -> "UserRuns":
    from myi_pipelines.orchestration.instance.user_runs import UserRuns

    return UserRuns(settings)


@app.command(rich_help_panel="Servers")
def serve() -> None:
    """Serve the pages and the API, until Ctrl-C. `myi up` does it by itself, beside Dagster.

    Choose another port with MYI_WEB_PORT=3011 myi serve.
    """
    from myi_pipelines.serving.process import require_way_in
    from myi_pipelines.serving.process import serve as serve_until_end

    settings = read_settings()
    with warehouse_connection(settings) as conn:
        require_way_in(settings, conn)
    typer.echo(f"serving at {settings.web_url} (Ctrl-C stops it); `myi open` signs you in")
    serve_until_end(settings, FACTORY)
    note("stopped")


@app.command("open", rich_help_panel="Start here")
def open_pages(
    user: Annotated[
        str | None, typer.Option(help="Sign in as this listener, as `myi users` names them, not as the operator.")
    ] = None,
    print_only: Annotated[bool, typer.Option("--print", help="Print the link and open nothing.")] = False,
) -> None:
    """Open the pages in a browser, signed in by a link that works once, for ten minutes.

    Examples:

      myi open

      myi open --user anna --print
    """
    from myi_pipelines.runtime.browser import open_browser
    from myi_pipelines.serving.access.links import make_link

    settings = read_settings()
    with warehouse_connection(settings) as conn:
        link = settings.web_url + make_link(conn, _user_id(conn, user))
    if not print_only and open_browser(link):
        note(f"opened {settings.web_url}")
        return
    typer.echo(link)


@app.command(rich_help_panel="Servers")
def password(
    user: Annotated[
        str | None,
        typer.Option(help="The listener, as `myi users` names them. Without it: the operator."),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Let nobody sign in by a password.")] = False,
) -> None:
    """Set or remove the password of a listener, or of the operator, for the pages. All their browsers are signed out.

    It is asked for twice, and read from standard input in a pipe.

    Examples:

      myi password --user anna

      myi password --user anna --remove
    """
    from myi_pipelines.serving.access.passwords import remove_password, set_password
    from myi_pipelines.serving.access.sessions import end_other_sessions

    settings = read_settings()
    with warehouse_connection(settings) as conn:
        user_id = _user_id(conn, user)
        if user_id is None and settings.web_password:
            raise ConfigurationError(
                "the operator's password is that of MYI_WEB_PASSWORD (or MYI_WEB_PASSWORD_FILE): change it there"
            )
        who = user or "the operator"
        if remove:
            removed = remove_password(conn, user_id)
            end_other_sessions(conn, user_id)
            output().print(f"{who}: {'removed' if removed else 'there is no password'}", markup=False, highlight=False)
            return
        chosen = _typed_password()
        set_password(conn, user_id, chosen)
        end_other_sessions(conn, user_id)
    output().print(f"{who}: the password is set", markup=False, highlight=False)


@app.command(rich_help_panel="Servers")
def token(
    name: Annotated[str, typer.Argument(help="What it is for, such as prometheus.")],
    may: Annotated[
        list[str],
        typer.Option(
            help="It allows: stats:read, history:read, listens:write, corrections:write, embed:read; or metrics:read."
        ),
    ],
    user: Annotated[
        str | None, typer.Option(help="The listener whose data it opens. Without it: the server's own figures.")
    ] = None,
) -> None:
    """Make a token for a program, and print it. It is not shown again; it is revoked in the settings, on the pages.

    With listens:write, a listener who is not known yet is made: programs may submit the first plays.

    Examples:

      myi token prometheus --may metrics:read

      myi token "my phone" --user anna --may stats:read --may listens:write
    """
    from myi_pipelines.serving.access.tokens import make_token
    from myi_pipelines.serving.access.viewers import Right
    from myi_pipelines.warehouse.users import find_user, known_or_new_user

    with warehouse_connection(read_settings()) as conn:
        if user is not None and Right.WRITE_LISTENS in may and find_user(conn, user) is None:
            made = known_or_new_user(conn, user)
            note(f"{made.name} is new here, with the clock of UTC: `myi settings NAME --timezone ZONE` sets another")
        typer.echo(make_token(conn, _user_id(conn, user), name, may).text)


def _typed_password() -> str:
    if not sys.stdin.isatty():
        return next(standard_input(), "").rstrip("\r\n")
    chosen = typer.prompt("Password", hide_input=True)
    if typer.prompt("Again", hide_input=True) != chosen:
        raise PasswordsDiffer("the two differ, so nothing was changed")
    return str(chosen)


def _user_id(conn: "Connection", name: str | None) -> int | None:
    from myi_pipelines.warehouse.users import known_user

    return None if name is None else known_user(conn, name).id
