"""Settings: the clock, what others may see, how it looks, devices, password, tokens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from myi_pipelines.errors import MyiError
from myi_pipelines.operations.export import ExportFormat
from myi_pipelines.serving import actions
from myi_pipelines.serving.access.permissions import Part, Sharing
from myi_pipelines.serving.access.spotify_sign_in import SpotifySignIn
from myi_pipelines.serving.access.viewers import OF_LISTENERS, Right
from myi_pipelines.serving.asgi.error_pages import log_mistake
from myi_pipelines.serving.queries.listeners import listener_settings
from myi_pipelines.serving.web.actions import Action, Done
from myi_pipelines.serving.web.page import THEMES, Page, open_page
from myi_pipelines.serving.web.said import Said, saying
from myi_pipelines.serving.web.words import time_zones
from myi_pipelines.text import counted

FLAGS = (
    ("is_public_profile", "I have a public page: my name, and since when I listen"),
    ("share_listening_time", "It shows how much I listen"),
    ("share_top_artists", "It shows my artists and genres"),
    ("share_top_tracks", "It shows my songs and albums"),
    ("share_history", "It shows single plays, and when they were"),
    ("allows_comparison", "Listeners of this installation who allow it too may compare their music with mine"),
)
RIGHTS = {
    Right.READ_STATS: "read my statistics and lists",
    Right.READ_HISTORY: "read single plays",
    Right.WRITE_LISTENS: "submit plays and exports",
    Right.WRITE_CORRECTIONS: "hide plays, show them again, and undo imports",
    Right.READ_EMBED: "embed cards and badges; it may stand in addresses, and allows nothing else",
}
PROGRAMS = (
    ("Pano Scrobbler", "Accounts, Custom ListenBrainz: {} as API URL"),
    ("Web Scrobbler", "Options, Accounts, ListenBrainz: {}/1/submit-listens as API URL"),
    ("multi-scrobbler", "a client of type listenbrainz: LZ_URL={}"),
    ("Navidrome", "ND_LISTENBRAINZ_BASEURL={}/1/, then Personal, Scrobble to ListenBrainz"),
    ("Jellyfin", "the plugin ListenBrainz: {} as API URL"),
)
"""Where programs ask for the address to submit plays to."""
END = "<!-- what became of it -->"
LOOKS = (("", "As the system"), ("light", "Light"), ("dark", "Dark"))


class Device(NamedTuple):
    id: int
    device: str
    when: str
    is_this: bool


class Account(NamedTuple):
    """A linked account of Spotify."""

    text: str
    is_valid: bool


class TokenRow(NamedTuple):
    id: int
    name: str
    rights: str
    used: str


def show_settings(page: Page) -> Response:
    """``/settings``."""
    return saying(page.request, lambda said: settings_page(page, said))


def settings_page(page: Page, said: Said, *, new_token: str = "") -> Response:
    """The page, with what an action has to say."""
    listener, formats = page.listener, page.formats
    devices = actions.list_sessions(page.context, listener.id)
    own_tokens = actions.list_tokens(page.context, listener.id)
    has_password = actions.has_password(page.context, listener.id)
    base = str(page.request.base_url).rstrip("/")
    return page.render(
        "settings.html",
        "Settings",
        said=said,
        asks_present=has_password and not page.viewer.is_operator,
        settings=listener_settings(page.conn, listener),
        zones=time_zones(),
        range_of_week=range(7),
        flags=FLAGS,
        public_url=f"{base}{page.links.home}",
        themes=LOOKS,
        sessions=[
            Device(one.id, one.device, formats.moment(one.last_used_at), one.id == page.viewer.session_id)
            for one in devices
        ],
        has_password=has_password,
        tokens=[
            TokenRow(
                one.id,
                one.name,
                ", ".join(RIGHTS.get(Right(right), right).split(";")[0] for right in one.rights),
                f"last used {formats.moment(one.last_used_at)}" if one.last_used_at else "never used",
            )
            for one in own_tokens
        ],
        rights=[(right.value, RIGHTS[right]) for right in RIGHTS if right in OF_LISTENERS],
        new_token=new_token,
        submit_address=base,
        programs=[(name, where.format(base)) for name, where in PROGRAMS],
        account=_account(page),
        can_link=page.viewer.user_id == listener.id and SpotifySignIn(page.context).is_possible(page.request.url),
        badge_example=f"{base}/embed{page.links.home}/badge.svg?token=…\n{base}/embed{page.links.home}/card.svg?token=…",
    )


def _account(page: Page) -> Account | None:
    """The linked account of Spotify, and how it is."""
    found, formats = actions.linked_account(page.context, page.listener.id), page.formats
    if found is None:
        return None
    linked = f"Linked as {found.spotify_id or found.name}."
    if not found.is_valid:
        return Account(f"{linked} Spotify does not take the link any more: link it anew.", is_valid=False)
    if found.last_synced_at is None:
        return Account(f"{linked} Spotify was not asked yet.", is_valid=True)
    return Account(f"{linked} Spotify last answered on {formats.moment(found.last_synced_at)}.", is_valid=True)


def save_time(action: Action) -> Done:
    """Zone, first day of the week, what ends a session, whether private sessions count."""
    context, listener = action.context, action.listener
    preferences = ("session_gap_minutes", "week_starts_on")
    actions.change_preferences(context, listener, {name: action.number(name) for name in preferences})
    changed = actions.change_incognito(context, listener, hide=action.text("hide_incognito") == "yes")
    changed += actions.change_timezone(context, listener, action.text("timezone"))
    return Done("settings", "Saved. Months that it changes are counted anew." if changed else "Saved.")


def save_privacy(action: Action) -> Done:
    """What others may see."""
    sharing = Sharing(**{name: action.text(name) == "yes" for name in Sharing._fields})
    actions.change_sharing(action.context, action.listener, sharing)
    return Done("settings", "Saved. It holds from now on.")


def set_password(action: Action) -> Done:
    """Set, change or remove the listener's password; other devices are signed out."""
    address = action.request.client.host if action.request.client else ""
    shown = actions.Shown(action.viewer, str(action.form.get("present", "")), address)
    if action.text("remove") == "yes":
        ended, done = actions.remove_password(action.context, shown, action.listener.id), "removed"
    else:
        new = str(action.form.get("password", ""))
        ended, done = actions.change_password(action.context, shown, action.listener.id, new), "set"
    others = f" {counted(ended, 'other device')} signed out." if ended else ""
    return Done("settings", f"The password is {done}.{others}")


def end_session(action: Action) -> Done:
    """Sign a device out."""
    if not actions.end_session(action.context, action.listener.id, action.number("id")):
        return Done("settings", "There is no such device: it may have signed out already.", is_alert=True)
    return Done("settings", "That device is signed out.")


def make_token(action: Action) -> Response:
    """Make a token; the page that answers is the only one that shows it."""
    made = actions.make_token(action.context, action.listener.id, action.text("name"), action.texts("rights"))
    with action.context.reading() as conn:
        page = open_page(action.request, conn, Part.MANAGE)
        page.path = "settings"
        answer = settings_page(page, Said(), new_token=made.text)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def revoke_token(action: Action) -> Done:
    """Revoke a token."""
    if not actions.revoke_token(action.context, action.listener.id, action.number("id")):
        return Done("settings", "There is no such token: it may have been revoked already.", is_alert=True)
    return Done("settings", "The token is revoked.")


def unlink_spotify(action: Action) -> Done:
    """Forget the tokens of the linked Spotify account."""
    was = actions.unlink_spotify(action.context, action.listener)
    return Done("settings", "The account is unlinked; your history stays." if was else "No account is linked.")


def export(action: Action) -> Response:
    """All data of the listener as a ZIP, which the browser receives while it is made."""
    wanted = action.text("form")
    form = ExportFormat(wanted) if wanted in list(ExportFormat) else ExportFormat.PARQUET
    headers = {"Content-Disposition": 'attachment; filename="myi-export.zip"', "Cache-Control": "no-store"}
    pieces = actions.exported(action.context, action.listener, form)
    return StreamingResponse(pieces, media_type="application/zip", headers=headers)


def forget(action: Action) -> Response:
    """Remove everything of the listener, if their name was typed. The page says that it runs, and, at its end, is sent
    to its end."""
    forgetting = actions.begin_forgetting(action.context, action.listener, action.text("typed"))
    page = action.context.page("forgetting.html", title="Removed", name=action.listener.name, end=END)
    begun, _, rest = bytes(page.body).decode().partition(END)

    def lines() -> Iterator[str]:
        yield begun
        try:
            forgetting.result()
        except MyiError as error:
            yield Markup('<p class="notice alert">{}</p>').format(f"Not everything was removed: {error}")
        except Exception as error:
            log_mistake(error)
            yield Markup('<p class="notice alert">Not everything was removed. <code>myi forget</code> says why.</p>')
        else:
            yield Markup('<p class="notice">Done. Nothing of yours is left here. <a href="/">To the start</a></p>')
        yield rest

    return StreamingResponse(lines(), media_type="text/html", headers={"Cache-Control": "no-store"})


async def set_theme(request: Request) -> Response:
    """``POST /theme``: keep the reader's choice in a cookie."""
    async with request.form(max_fields=10, max_files=0) as form:
        theme, target = str(form.get("theme", "")), str(form.get("next", "/"))
    safe = target if target.startswith("/") and not target.startswith(("//", "/\\")) else "/"
    answer = RedirectResponse(safe, 303)
    if theme in THEMES:
        answer.set_cookie("theme", theme, max_age=365 * 86_400, samesite="lax", secure=request.url.scheme == "https")
    else:
        answer.delete_cookie("theme")
    return answer
