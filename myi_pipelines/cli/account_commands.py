"""Linked Spotify accounts: ``myi login``, ``accounts``, ``logout`` and ``rotate-key``."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from myi_pipelines.cli.app import (
    app,
    complain,
    confirm,
    note,
    output,
    read_settings,
    ready_servers,
    standard_input,
    warehouse_connection,
)
from myi_pipelines.errors import ConfigurationError, InputError

if TYPE_CHECKING:
    from datetime import datetime

    from myi_pipelines.ingest.spotify.login import LoginAttempt
    from myi_pipelines.settings import Settings
    from myi_pipelines.warehouse.spotify_accounts import Account

PANEL = "Your Spotify account"


class NothingPasted(InputError):
    """Standard input ended before Spotify's answer."""


class KeyInSettings(ConfigurationError):
    """The settings hold the key, so it cannot be replaced from here."""


@app.command(rich_help_panel=PANEL)
def login(
    user: Annotated[
        str | None, typer.Option(help="The listener whose account it is, as `myi users` names them; or a new name.")
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(help="The listener's time zone, such as Europe/Budapest. A new listener has UTC.")
    ] = None,
    paste: Annotated[
        bool, typer.Option("--paste", help="The browser is on another machine: paste the address it ends up on.")
    ] = False,
    timeout: Annotated[
        float, typer.Option(min=1, max=86_400, help="Give up waiting for the browser after this many seconds.")
    ] = 300,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a history meets that of another.")] = False,
) -> None:
    """Link a Spotify account: new plays, top lists and metadata then come by themselves.

    A listener who has imported a history keeps it. Repeat it every six months, when Spotify ends the authorization;
    `myi accounts` shows when.

    Examples:

      myi login --user anna

      myi login --user anna --paste

      myi login --user anna --timezone Europe/Budapest
    """
    from myi_pipelines.ingest.spotify.app_settings import app_of, client_of
    from myi_pipelines.ingest.spotify.login import LoginServices, begin_login, finish_login
    from myi_pipelines.ingest.spotify.login_callback import can_listen
    from myi_pipelines.runtime.token_keys import TokenKeys
    from myi_pipelines.warehouse.users import find_user, list_users, require_timezone, set_timezone

    settings = read_settings()
    spotify_app = app_of(settings)
    keys = TokenKeys.of_settings(settings)
    keys.cipher()  # Find an unusable key before the user agrees to anything at Spotify.
    ready_servers(settings, redis=True)
    with warehouse_connection(settings) as conn:
        if timezone is not None:
            require_timezone(conn, timezone)
        is_new = user is not None and find_user(conn, user) is None
        if is_new:
            known = ", ".join(listener.name for listener in list_users(conn)[:20])
            note(f"{user} is a new listener, whom this login makes" + (f"; there are: {known}" if known else ""))
    attempt = begin_login(spotify_app)
    if paste or not can_listen(settings.spotify_redirect_uri):
        answer = _pasted(attempt)
    else:
        answer = _received(settings, attempt, timeout)
    with warehouse_connection(settings) as conn, client_of(settings) as client:
        services = LoginServices(spotify_app, client, keys)
        ask: Callable[[str], None] = note if yes else confirm
        linked = finish_login(conn, services, attempt, answer, name=user, confirm=ask)
        if timezone is not None:
            set_timezone(conn, linked.name, timezone)
        elif is_new:
            note(f"days and hours are in UTC until `myi login --user {linked.name} --timezone ZONE` names a time zone")
    shown = f" ({linked.display_name} on Spotify)" if linked.display_name else ""
    output().print(f"linked {linked.name}{shown}; `myi up` keeps the plays current", markup=False, highlight=False)


def _received(settings: "Settings", attempt: "LoginAttempt", timeout: float) -> str:
    """The address to which Spotify sends a browser on this machine: to the web server, if it is there, or to us."""
    from myi_pipelines.ingest.spotify.login_callback import callback_server
    from myi_pipelines.serving.access.waiting import answers_at, received_by_web_server

    if answers_at(settings.spotify_redirect_uri):
        with warehouse_connection(settings) as conn:
            return received_by_web_server(conn, settings, attempt, timeout, lambda: _show_address(attempt))
    with callback_server(settings.spotify_redirect_uri, attempt.state) as callback:
        _show_address(attempt)
        return callback.wait(timeout)


def _show_address(attempt: "LoginAttempt") -> None:
    from myi_pipelines.runtime.browser import open_browser

    typer.echo(f"Open this address and agree:\n\n{attempt.url}\n")
    if not open_browser(attempt.url):
        note("no browser opened here; where it is on another machine, use `myi login --paste`")
    note("waiting for Spotify's answer (Ctrl-C gives up)")


def _pasted(attempt: "LoginAttempt") -> str:
    """The address that the user copied from a browser on another machine."""
    from myi_pipelines.ingest.spotify.login import NotAnAnswer, WrongState, code_in

    typer.echo(f"Open this address in any browser and agree:\n\n{attempt.url}\n")
    note("The page that follows may not load. Copy its address from the browser, paste it here and press Enter:")
    for line in standard_input():
        if line.strip():
            try:
                code_in(attempt, line)
            except (NotAnAnswer, WrongState) as error:
                complain(str(error))
            else:
                return line
    raise NothingPasted("no answer of Spotify was pasted, so nothing was linked; run `myi login --paste` again")


@app.command(rich_help_panel=PANEL)
def logout(name: Annotated[str, typer.Argument(help="The listener, as `myi users` names them.")]) -> None:
    """Unlink a Spotify account: its tokens are deleted, the history stays.

    Spotify itself forgets the authorization at https://www.spotify.com/account/apps.
    """
    from myi_pipelines.warehouse.spotify_accounts import unlink
    from myi_pipelines.warehouse.users import user_named

    with warehouse_connection(read_settings()) as conn:
        unlinked = unlink(conn, user_named(conn, name))
    said = "unlinked; the history stays" if unlinked else "no Spotify account is linked"
    output().print(f"{name}: {said}", markup=False, highlight=False)


@app.command(rich_help_panel=PANEL)
def accounts() -> None:
    """List the linked Spotify accounts: valid or not and why, last sync, end of the authorization."""
    from datetime import UTC, datetime

    from rich.table import Table

    from myi_pipelines.runtime.token_keys import TokenKeys, undecryptable_tokens
    from myi_pipelines.warehouse.spotify_accounts import expiry_warning, list_accounts

    settings = read_settings()
    with warehouse_connection(settings) as conn:
        found = list_accounts(conn)
        locked = undecryptable_tokens(conn, TokenKeys.of_settings(settings)) if found else {}
    if not found:
        note("no Spotify account is linked yet: `myi login --user NAME`")
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("name", "on Spotify", "state", "last sync", "linked", "authorized until"):
        table.add_column(column)
    for account in found:
        table.add_row(
            escape(account.name),
            escape(account.display_name or account.spotify_id or "–"),
            _state(account, locked.get(account.user_id)),
            _when(account.last_synced_at),
            _when(account.authorized_at),
            _when(account.authorization_ends_at),
        )
    output().print(table)
    for account in found:
        if warning := expiry_warning(account, datetime.now(UTC)):
            note(f"warning: {warning}")


def _state(account: "Account", locked: str | None) -> str:
    if not account.is_valid:
        return f"[red]needs a login[/red]: {escape(account.last_failure_reason or 'not valid')}"
    return f"[red]locked[/red]: {escape(locked)}" if locked else "[green]valid[/green]"


def _when(moment: "datetime | None") -> str:
    """A moment in this machine's time zone."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M}" if moment else "–"


@app.command("rotate-key", rich_help_panel=PANEL)
def rotate_key(
    old_key: Annotated[
        Path | None,
        typer.Option(
            "--from",
            exists=True,
            dir_okay=False,
            help="A file with the old key, where MYI_ENCRYPTION_KEY is the new one.",
        ),
    ] = None,
) -> None:
    """Encrypt the stored tokens with a new key: all of them or none.

    Without MYI_ENCRYPTION_KEY a new key is made and takes the place of the key file in MYI_HOME. With it, save the
    present key into a file, set MYI_ENCRYPTION_KEY to the new one, stop `myi up`, and name the file with --from.

    Examples:

      myi rotate-key

      myi rotate-key --from old.key
    """
    from myi_pipelines.ingest.spotify.encryption_key import replace_key_file, switch_to_configured_key

    settings = read_settings()
    if settings.encryption_key and old_key is None:
        raise KeyInSettings(
            "MYI_ENCRYPTION_KEY holds the key: save it into a file, set the variable to a new key "
            "(`openssl rand -base64 32`), then `myi rotate-key --from FILE`"
        )
    if not settings.encryption_key and old_key is not None:
        raise KeyInSettings("--from is for a new key in MYI_ENCRYPTION_KEY, which is not set")
    with warehouse_connection(settings) as conn:
        if old_key is None:
            changed = replace_key_file(conn, settings.key_file)
        else:
            changed = switch_to_configured_key(conn, settings.encryption_key, old_key)
    output().print(f"{changed} account{'' if changed == 1 else 's'} encrypted with the new key", highlight=False)
