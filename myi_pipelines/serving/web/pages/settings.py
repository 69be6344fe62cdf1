"""Settings: the clock, what others may see, how it looks, devices, password, tokens."""

from __future__ import annotations

from typing import NamedTuple
from zoneinfo import available_timezones

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from myi_pipelines.errors import InputError
from myi_pipelines.serving.access import passwords, sessions, tokens
from myi_pipelines.serving.access.permissions import Part
from myi_pipelines.serving.access.viewers import OF_LISTENERS, Right
from myi_pipelines.serving.queries.listeners import listener_settings
from myi_pipelines.serving.web.actions import Action, Done
from myi_pipelines.serving.web.page import THEMES, Page, open_page
from myi_pipelines.warehouse.users import set_preferences, set_timezone

FLAGS = (
    ("is_public_profile", "I have a public page: my name, and since when I listen"),
    ("share_listening_time", "It shows how much I listen"),
    ("share_top_artists", "It shows my artists and genres"),
    ("share_top_tracks", "It shows my songs and albums"),
    ("allows_comparison", "Listeners of this installation who allow it too may compare their music with mine"),
)
RIGHTS = {
    Right.READ_STATS: "read my statistics and lists",
    Right.READ_HISTORY: "read single plays",
    Right.WRITE_LISTENS: "submit plays",
    Right.READ_EMBED: "embed cards and badges; it may stand in addresses, and allows nothing else",
}
LOOKS = (("", "As the system"), ("light", "Light"), ("dark", "Dark"))


class Device(NamedTuple):
    id: int
    device: str
    when: str
    is_this: bool


class TokenRow(NamedTuple):
    id: int
    name: str
    rights: str
    used: str


def show_settings(page: Page) -> Response:
    """``/settings``."""
    return settings_page(page, said=page.query.get("said", "")[:500])


def settings_page(page: Page, *, said: str = "", new_token: str = "") -> Response:
    """The page, with what an action has to say."""
    listener, formats = page.listener, page.formats
    with page.context.keeping() as conn:
        devices = sessions.sessions_of(conn, listener.id)
        own_tokens = tokens.tokens_of(conn, listener.id)
        has_password = passwords.has_password(conn, listener.id)
    base = str(page.request.base_url).rstrip("/")
    return page.render(
        "settings.html",
        "Settings",
        said=said,
        settings=listener_settings(page.conn, listener),
        zones=sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/")),
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
        badge_example=f"{base}/embed{page.links.home}/badge.svg?token=…\n{base}/embed{page.links.home}/card.svg?token=…",
    )


def save_time(action: Action) -> Done:
    """Zone, first day of the week, what ends a session."""
    gap, week = action.number("session_gap_minutes"), action.number("week_starts_on")
    if not 1 <= gap <= 1440 or not 0 <= week <= 6:
        raise InputError("a session ends after 1 to 1440 minutes")
    with action.context.owning() as conn:
        changed = set_timezone(conn, action.listener.name, action.text("timezone"))
        set_preferences(conn, action.listener.id, {"session_gap_minutes": gap, "week_starts_on": week})
    return Done("settings", "Saved. All months are counted anew by the new clock." if changed else "Saved.")


def save_privacy(action: Action) -> Done:
    """What others may see."""
    with action.context.owning() as conn:
        set_preferences(conn, action.listener.id, {name: action.text(name) == "yes" for name, _ in FLAGS})
    return Done("settings", "Saved.")


def set_password(action: Action) -> Done:
    """Set, change or remove the listener's password; other devices are signed out."""
    with action.context.keeping() as conn:
        if action.text("remove") == "yes":
            passwords.remove_password(conn, action.listener.id)
            return Done("settings", "The password is removed.")
        passwords.set_password(conn, action.listener.id, action.text("password"))
        sessions.end_other_sessions(conn, action.listener.id, action.viewer.session_id)
    return Done("settings", "The password is set. Other devices are signed out.")


def end_session(action: Action) -> Done:
    """Sign a device out."""
    with action.context.keeping() as conn:
        sessions.end_session(conn, action.listener.id, action.number("id"))
    return Done("settings", "That device is signed out.")


def make_token(action: Action) -> Response:
    """Make a token; the page that answers is the only one that shows it."""
    with action.context.keeping() as conn:
        made = tokens.make_token(conn, action.listener.id, action.text("name"), action.texts("rights"))
    with action.context.reading() as conn:
        page = open_page(action.request, conn, Part.MANAGE)
        page.path = "settings"
        answer = settings_page(page, new_token=made.text)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def revoke_token(action: Action) -> Done:
    """Revoke a token."""
    with action.context.keeping() as conn:
        tokens.revoke_token(conn, action.listener.id, action.number("id"))
    return Done("settings", "The token is revoked.")


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
