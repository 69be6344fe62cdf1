"""The typer application, how its commands find settings and servers, and how errors become one line."""

import atexit
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from myi_pipelines.errors import InputError, MyiError, StoppedError
from myi_pipelines.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import ConsoleOptions, RenderableType
    from rich.segment import Segment

    from myi_pipelines.settings import Settings
    from myi_pipelines.warehouse.database.connections import Connection

DISTRIBUTION = "myi-pipelines"
INTERRUPTED = 130
"""The exit code after Ctrl-C."""
DISK_FULL = "53100"
"""PostgreSQL's code of it."""
COLLECT_AFTER = (20_000, 20, 50)
"""So many objects more, and so many collections of the generation before, make Python look for garbage."""

HELP = """
[bold]MYI[/bold]: your Spotify history as a PostgreSQL warehouse, run by Dagster.

Put the ZIP that Spotify sent you into uploads/<your name>/ under `myi up`, or import it right here:

  myi import my_spotify_data.zip --user anna --timezone Europe/Berlin

Then:

  myi report --user anna
  myi sql "SELECT count(*) FROM listening_events"

Settings are environment variables (MYI_HOME, MYI_PORT, MYI_DATABASE_URL, …) or lines of .env; see .env.example.
"""

ORDER = [
    *("demo", "up", "open", "import", "jobs", "report", "users", "settings", "sql"),
    *("hide", "unhide", "undo-import", "join-songs", "split-song", "corrections"),
    *("login", "accounts", "sync", "enrich", "quota", "logout", "rotate-key"),
    *("serve", "password", "token", "url", "services", "migrate", "env", "doctor"),
    *("status", "metrics", "notify"),
    *("archive", "unarchive"),
    *("verify", "rederive", "backup", "restore", "export", "forget", "rename-user", "merge-users"),
]


class Commands(TyperGroup):
    """Turns the errors that are meant for the user into one line on stderr and exit code 1; after Ctrl-C it is 130."""

    def list_commands(self, ctx: Any) -> list[str]:
        """In the order in which a newcomer needs them, not that of the modules' names."""
        names = super().list_commands(ctx)
        return sorted(names, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            complain("interrupted")
            raise typer.Exit(INTERRUPTED) from None
        except Exception as error:
            message = message_for_user(error)
            if message is None:
                raise
            complain(message)
            raise typer.Exit(INTERRUPTED if isinstance(error, StoppedError) else 1) from None


app = typer.Typer(
    cls=Commands,
    help=HELP,
    rich_markup_mode="rich",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"myi {version(DISTRIBUTION)}")
        raise typer.Exit


@app.callback()
def _app(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """The entry point of the ``myi`` script."""
    # Thousands of modules are loaded, and stay: looking through them for garbage is an eighth of a small import.
    gc.set_threshold(*COLLECT_AFTER)
    # Python looks through them once more before it ends, which is a fifth of it; what is frozen it leaves alone.
    atexit.register(gc.freeze)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # A terminal without UTF-8 still gets its report.
    _require_text(sys.argv[1:])
    app()


def _require_text(arguments: list[str]) -> None:
    for number, argument in enumerate(arguments, 1):
        try:
            argument.encode()
        except UnicodeEncodeError:
            complain(f"argument {number}, {printable(argument)}, is not UTF-8: give the file another name")
            raise SystemExit(2) from None


class NotText(InputError):
    """What a command is given is no text."""


def standard_input() -> Iterator[str]:
    """The lines of standard input, as they come. Raises NotText where Python itself might let through what is none."""
    encoding = sys.stdin.encoding or "utf-8"
    for line in sys.stdin.buffer:
        try:
            yield line.decode(encoding)
        except UnicodeDecodeError:
            raise NotText(f"what standard input holds is not {encoding.upper()}") from None


def message_for_user(error: Exception) -> str | None:
    """What to say to the user about an error; None for a bug, which deserves its traceback.

    The package's own errors are written for the user. A server that cannot be reached and a file that cannot be used
    are the user's to correct as well.
    """
    if isinstance(error, MyiError):
        return one_line(str(error))
    loaded = sys.modules  # An error of a library that was never imported cannot have happened.
    if "sqlalchemy" in loaded and isinstance(error, loaded["sqlalchemy"].exc.OperationalError):
        return _of_postgres(error.orig)  # Dagster's own tables.
    if "psycopg" in loaded and isinstance(error, loaded["psycopg"].OperationalError):
        return _of_postgres(error)
    if "redis" in loaded and isinstance(error, loaded["redis"].ConnectionError):
        return f"Redis: {one_line(str(error))}; check MYI_REDIS_URL, and `myi doctor`"
    if isinstance(error, OSError) and error.filename and not isinstance(error, BrokenPipeError):
        return f"{error.filename}: {error.strerror}"
    return None


def _of_postgres(error: Any) -> str:
    """What to say about an error of psycopg, or of psycopg2, which Dagster uses."""
    reason = one_line(error.diag.message_primary or str(error))
    if DISK_FULL in (getattr(error, "sqlstate", None), getattr(error, "pgcode", None)):
        return f"PostgreSQL: {reason}; make room on its disk and run the same command again"
    return f"PostgreSQL: {reason}; check MYI_DATABASE_URL, and `myi doctor`"


def one_line(text: str) -> str:
    """A message without its line breaks."""
    return " ".join(text.split())


def complain(message: str) -> None:
    """Say on stderr what went wrong."""
    typer.echo(f"myi: {printable(message)}", err=True)


def confirm(question: str) -> None:
    """Ask before what cannot be undone. Unless the answer is yes, the command ends with exit code 1."""
    try:
        agreed = typer.confirm(question)
    except typer.Abort:
        agreed = False
    if not agreed:
        complain("nothing was changed")
        raise typer.Exit(1)


def note(message: str) -> None:
    """Say on stderr what is going on: not part of a command's result. Nobody may be left who reads it."""
    with suppress(OSError):
        Terminal(stderr=True).print(message, style="dim", markup=False, highlight=False, soft_wrap=True)


class Terminal(Console):
    """Where a command writes. What is shown can hold names that others chose: nothing in them moves the cursor."""

    def render(self, renderable: "RenderableType", options: "ConsoleOptions | None" = None) -> "Iterable[Segment]":
        """As Rich renders it, without control characters in its texts; Rich's own are no texts."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable() or segment.text == "\n":
                yield segment
            else:
                yield segment._replace(text="\n".join(map(printable, segment.text.split("\n"))))

    def on_broken_pipe(self) -> None:
        """Go on: what a command does, and stops at its end, does not depend on a reader."""


def output() -> Console:
    """Where results go: as wide as the terminal, and never cut or wrapped in a pipe or a file."""
    console = Terminal()
    return console if console.is_terminal else Terminal(width=10_000)


def read_settings() -> "Settings":
    """The settings, with a warning for every name that is probably a slip."""
    from myi_pipelines.settings import load_settings, unknown_settings

    for line in unknown_settings():
        note(f"warning: {line}")
    return load_settings()


def ready_servers(settings: "Settings", *, redis: bool) -> None:
    """Start the embedded PostgreSQL, and Redis where a command needs it, when they do not run."""
    from myi_pipelines.runtime.servers import ALL, POSTGRES, start_servers

    started = start_servers(settings, ALL if redis else [POSTGRES])
    if started:
        note(f"started {' and '.join(started)}; `myi services stop` stops what is running")


@contextmanager
def warehouse_connection(settings: "Settings") -> "Iterator[Connection]":
    """A connection to the warehouse, its server running and its schema current."""
    from myi_pipelines.runtime.servers import servers_of
    from myi_pipelines.warehouse.database.connections import connect
    from myi_pipelines.warehouse.schema.migrations import migrate

    ready_servers(settings, redis=False)
    url = servers_of(settings).database_url
    if applied := migrate(url):
        note(f"applied {len(applied)} migrations")
    with connect(url) as conn:
        yield conn


@contextmanager
def reader_connection(settings: "Settings") -> "Iterator[Connection]":
    """A connection that can read the warehouse and do nothing else; its server runs, its schema is current."""
    from myi_pipelines.runtime.reader import reader_url
    from myi_pipelines.warehouse.database.connections import connect

    with warehouse_connection(settings) as owner:
        url = reader_url(settings, owner)
    with connect(url, application_name="myi sql") as conn:
        yield conn
