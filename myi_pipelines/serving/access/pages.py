"""The pages by which people come in and go: sign in, the one-time link, Spotify's answer, sign out."""

from __future__ import annotations

import hmac
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from myi_pipelines.serving.access import cookies
from myi_pipelines.serving.access.attempts import Whose, wait_text
from myi_pipelines.serving.access.awaited_logins import answer_login
from myi_pipelines.serving.access.links import PATH, LinkNotValid, use_link, whom_link_signs_in
from myi_pipelines.serving.access.passwords import is_password
from myi_pipelines.serving.access.permissions import NotVisible, SignInNeeded
from myi_pipelines.serving.access.sessions import Method, begin_session, device_of, end_session, viewer_of_session
from myi_pipelines.serving.access.spotify_sign_in import SpotifySignIn
from myi_pipelines.serving.asgi.error_pages import SIGN_IN
from myi_pipelines.serving.context import Context, context_of, viewer_of
from myi_pipelines.serving.forms import Form, form_endpoint, own_path
from myi_pipelines.serving.queries.listeners import load_listener
from myi_pipelines.settings import Settings
from myi_pipelines.warehouse.users import find_user

NO_STORE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
WRONG = "That name and password do not belong together."
NOBODY = -1
"""The id of no listener."""
USED = "This link has been used"
USED_TEXT = "A sign-in link works once, for ten minutes. In the folder of your installation, `myi open` makes another."


def access_routes(settings: Settings) -> list[BaseRoute]:
    """The routes of all pages here. Spotify's answer arrives where the settings say that it does."""
    callback = urlsplit(settings.spotify_redirect_uri).path or "/"
    return [
        Route(SIGN_IN, sign_in_page, name="sign_in"),
        Route(SIGN_IN, form_endpoint(sign_in), methods=["POST"]),
        Route(f"{PATH}{{secret}}", link_page, name="link"),
        Route(f"{PATH}{{secret}}", form_endpoint(sign_in_by_link), methods=["POST"]),
        Route("/sign-out", form_endpoint(sign_out), methods=["POST"], name="sign_out"),
        Route("/auth/spotify", to_spotify, name="to_spotify"),
        Route(callback, from_spotify, name="from_spotify"),
    ]


def sign_in_page(request: Request) -> Response:
    """The form, or the way on for somebody who is signed in."""
    target = own_path(request.query_params.get("next", ""))
    if viewer_of(request).is_person:
        return RedirectResponse(target, 303, NO_STORE)
    return _sign_in_form(request, target)


def sign_in(request: Request, form: Form) -> Response:
    """Sign in by a password: a listener by name, the operator without one."""
    context = context_of(request)
    name, password, target = form.get("name", "").strip(), form.get("password", ""), own_path(form.get("next", ""))
    address = request.client.host if request.client else ""
    whose = _whose(context, name)
    if wait := context.attempts.seconds_to_wait(whose, address):
        return _sign_in_form(request, target, 429, wait_text(wait), name, {"Retry-After": str(wait)})
    if not _is_right(context, whose, password):
        return _sign_in_form(request, target, 403, WRONG, name)
    context.attempts.forget(whose, address)
    return signed_in(request, whose if isinstance(whose, int) else None, Method.PASSWORD, target)


def link_page(request: Request) -> Response:
    """A link of ``myi open``: says whom it signs in, and does that at a click."""
    context = context_of(request)
    try:
        with context.keeping() as conn:
            user_id = whom_link_signs_in(conn, request.path_params["secret"])
    except LinkNotValid:
        return said(request, USED, USED_TEXT, 410)
    name = "the operator"
    if user_id is not None:
        with context.glancing() as conn:
            name = load_listener(conn, user_id).name
    text = f"This browser will know you as {name}, until you sign out. The link works once."
    return _form_page(request, "access/sure.html", title="Sign in", text=text, button="Sign in")


def sign_in_by_link(request: Request, _: Form) -> Response:
    """Sign in by a link, which is used up."""
    try:
        with context_of(request).keeping() as conn:
            user_id = use_link(conn, request.path_params["secret"])
    except LinkNotValid:
        return said(request, USED, USED_TEXT, 410)
    return signed_in(request, user_id, Method.LINK, "/")


def sign_out(request: Request, form: Form) -> Response:
    """End this browser's session."""
    viewer = viewer_of(request)
    if viewer.session_id is not None:
        with context_of(request).keeping() as conn:
            end_session(conn, viewer.user_id, viewer.session_id)
    response = said(request, "Signed out", "This browser has forgotten who you are.")
    cookies.clear_session(request, response)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


def to_spotify(request: Request) -> Response:
    """On to Spotify, to sign in, or with ``?link=yes`` to link the account of the listener who is signed in; with
    ``&sure=yes`` also one that this browser was asked about."""
    spotify = SpotifySignIn(context_of(request))
    viewer = viewer_of(request)
    is_link = request.query_params.get("link") == "yes"
    if not spotify.is_possible(request.url):
        raise NotVisible
    if is_link and viewer.user_id is None:
        raise SignInNeeded
    sure = spotify.question_of(cookies.under_way(request)) if request.query_params.get("sure") == "yes" else ""
    target = own_path(request.query_params.get("next", ""))
    address, kept = spotify.begin(viewer.user_id if is_link else None, target, sure)
    response = RedirectResponse(address, 303, NO_STORE)
    cookies.set_under_way(request, response, kept)
    return response


def from_spotify(request: Request) -> Response:
    """Spotify's answer: to a sign-in or a link that this browser began, or to `myi login`."""
    context, query = context_of(request), request.url.query
    state, kept = request.query_params.get("state", ""), cookies.under_way(request)
    spotify = SpotifySignIn(context)
    if not state or not {"code", "error"} & request.query_params.keys():
        return said(request, "Nothing here", "This is where Spotify sends the browser after a login.", 400)
    if kept and hmac.compare_digest(spotify.state_of(kept).encode(), state.encode()):
        outcome = spotify.finish(kept, query, viewer_of(request))
        if outcome.signs_in is not None:
            response = signed_in(request, outcome.signs_in, Method.SPOTIFY, outcome.target)
        elif outcome.question:
            values = {"title": "Is this account yours?", "text": outcome.text, "button": "Link it all the same"}
            way = f"/auth/spotify?link=yes&sure=yes&next={quote(outcome.target)}"
            response = _form_page(request, "access/sure.html", 409, **values, way=way, back=outcome.target)
        elif outcome.text:
            response = said(request, outcome.title, outcome.text, outcome.status)
        else:
            response = RedirectResponse(outcome.target, 303, NO_STORE)
        cookies.set_under_way(request, response, outcome.question)
        return response
    with context.keeping() as conn:
        is_awaited = answer_login(conn, state, query)
    if not is_awaited:
        return said(request, "Not this login", "This answer of Spotify's belongs to another login, or is too old.", 400)
    return said(request, "Thank you", "Spotify has answered. You can close this page: your terminal says how it went.")


def signed_in(request: Request, user_id: int | None, method: Method, target: str) -> Response:
    """A new session, in place of one that the browser may have had: its secret is never one that was known before."""
    with context_of(request).keeping() as conn:
        if (old := cookies.session_secret(request)) and (before := viewer_of_session(conn, old)):
            assert before.session_id is not None
            end_session(conn, before.user_id, before.session_id)
        secret = begin_session(conn, user_id, method, device_of(request.headers.get("user-agent", "")))
    response = RedirectResponse(target, 303, NO_STORE)
    cookies.set_session(request, response, secret)
    return response


def said(request: Request, title: str, text: str, status: int = 200) -> Response:
    """A page that says one thing."""
    page = context_of(request).page("error.html", status, title=title, text=text)
    page.headers.update(NO_STORE)
    return page


def _whose(context: Context, name: str) -> Whose:
    """Whose password belongs to a name: a listener's, the operator's for none, or nobody's."""
    if not name:
        return None
    with context.glancing() as conn:
        user = find_user(conn, name)
    return user.id if user else name


def _is_right(context: Context, whose: Whose, password: str) -> bool:
    """Whether it is the password. Takes as long for a name that nobody has."""
    configured = context.settings.web_password
    if whose is None and configured:
        return hmac.compare_digest(password.encode("utf-8", "replace"), configured.encode())
    with context.keeping() as conn:
        return is_password(conn, NOBODY if isinstance(whose, str) else whose, password)


def _sign_in_form(
    request: Request,
    target: str,
    status: int = 200,
    wrong: str = "",
    name: str = "",
    headers: dict[str, str] | None = None,
) -> Response:
    is_possible = SpotifySignIn(context_of(request)).is_possible(request.url)
    values = {"wrong": wrong, "name": name[:100], "next": target, "spotify": is_possible}
    page = _form_page(request, "access/sign_in.html", status, title="Sign in", **values)
    page.headers.update(headers or {})
    return page


def _form_page(request: Request, template: str, status: int = 200, **values: object) -> Response:
    """A page with a form of ours. Its browser says where the form comes from, as the guard asks, and says it to us
    alone."""
    page = context_of(request).page(template, status, **values)
    page.headers.update({**NO_STORE, "Referrer-Policy": "same-origin"})
    return page
