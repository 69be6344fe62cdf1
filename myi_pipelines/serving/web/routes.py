"""The addresses of all pages."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from myi_pipelines.serving.access.permissions import Part
from myi_pipelines.serving.forms import form_endpoint
from myi_pipelines.serving.web.actions import Act, listener_action
from myi_pipelines.serving.web.cover_images import ROUTES as COVERS
from myi_pipelines.serving.web.page import Endpoint, listener_page
from myi_pipelines.serving.web.pages.compare import show_compare
from myi_pipelines.serving.web.pages.corrections import hide, show_corrections, take_back, undo_import
from myi_pipelines.serving.web.pages.embeds import embed
from myi_pipelines.serving.web.pages.habits import show_habits
from myi_pipelines.serving.web.pages.history import show_history
from myi_pipelines.serving.web.pages.imports import show_imports, upload
from myi_pipelines.serving.web.pages.items import show_album, show_artist, show_genre, show_show, show_song, show_track
from myi_pipelines.serving.web.pages.lists import (
    show_discoveries,
    show_milestones,
    show_on_this_day,
    show_spotify_lists,
)
from myi_pipelines.serving.web.pages.overview import show_start
from myi_pipelines.serving.web.pages.review import show_card, show_review, show_reviews
from myi_pipelines.serving.web.pages.search import show_search
from myi_pipelines.serving.web.pages.settings import (
    end_session,
    export,
    forget,
    make_token,
    revoke_token,
    save_privacy,
    save_time,
    set_password,
    set_theme,
    show_settings,
    unlink_spotify,
)
from myi_pipelines.serving.web.pages.start import add_listener, operator, start
from myi_pipelines.serving.web.pages.tops import show_tops
from myi_pipelines.serving.web.pages.trends import show_trends

USER = "/u/{name}"


def of_listener(
    path: str, function: Endpoint, part: Part = Part.STATS, *, has_etag: bool = True, shows_now: bool = False
) -> Route:
    """A page below a listener's address."""
    address = f"{USER}/{path}" if path else USER
    endpoint = listener_page(function, path, part, has_etag=has_etag, shows_now=shows_now)
    return Route(address, endpoint, name=function.__name__)


def form(path: str, function: Act, page: str) -> Route:
    """Where a form of a listener's page is sent."""
    return Route(f"{USER}/{path}", listener_action(function, page), methods=["POST"], name=function.__name__)


PAGES: list[BaseRoute] = [
    Route("/", start, name="start"),
    Route("/operator", operator, name="operator"),
    Route("/operator/listener", form_endpoint(add_listener), methods=["POST"], name="add_listener"),
    Route("/theme", set_theme, methods=["POST"], name="theme"),
    Route("/embed/u/{name}/{what}.{format}", embed, name="embed"),
    *COVERS,
    of_listener("", show_start, Part.PROFILE, shows_now=True),
    of_listener("tops", show_tops),
    of_listener("tops/{kind}", show_tops),
    of_listener("history", show_history, Part.HISTORY, shows_now=True),
    of_listener("song/{id}", show_song),
    of_listener("track/{id}", show_track),
    of_listener("artist/{id}", show_artist),
    of_listener("album/{id}", show_album),
    of_listener("genre", show_genre),
    of_listener("show/{key}", show_show),
    of_listener("search", show_search),
    of_listener("trends", show_trends),
    of_listener("habits", show_habits),
    of_listener("discoveries", show_discoveries),
    of_listener("on-this-day", show_on_this_day),
    of_listener("milestones", show_milestones),
    of_listener("spotify", show_spotify_lists),
    of_listener("compare", show_compare, Part.COMPARISON, has_etag=False),
    of_listener("settings", show_settings, Part.MANAGE, has_etag=False),
    form("settings/time", save_time, "settings"),
    form("settings/privacy", save_privacy, "settings"),
    form("settings/password", set_password, "settings"),
    form("settings/end-session", end_session, "settings"),
    form("settings/make-token", make_token, "settings"),
    form("settings/revoke-token", revoke_token, "settings"),
    form("settings/unlink-spotify", unlink_spotify, "settings"),
    form("settings/export", export, "settings"),
    form("settings/forget", forget, "settings"),
    of_listener("review", show_reviews),
    of_listener("review/{period}", show_review),
    of_listener("review/{period}/card.{format}", show_card),
    of_listener("corrections", show_corrections, Part.MANAGE, has_etag=False),
    form("corrections/hide", hide, "corrections"),
    form("corrections/take-back", take_back, "corrections"),
    form("corrections/undo-import", undo_import, "imports"),
    of_listener("imports", show_imports, Part.MANAGE, has_etag=False),
    Route(f"{USER}/imports/upload", upload, methods=["POST"]),
]
