"""Stands before every page and API that MYI serves to a browser, and lets only its own pages in.

Whoever listens on a loopback address is reached by every page that is open in a browser of the same machine. What such
a page sends differs from what a page of ours sends in its ``Host``, ``Origin`` or ``Sec-Fetch-Site``; a program that is
no browser sends none of the last two. The guard is plain ASGI: it knows neither Dagster nor what stands behind it.
"""

from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
TOKEN_SCHEMES = ("bearer ", "token ")
FORBIDDEN = 403
POLICY_VIOLATION = 1008
"""The close code of a WebSocket that is not let in; before it is accepted, the server answers 403."""


class RequestGuard:
    """An ASGI application that refuses what no page of ours, and no program of the user's, would send to ``app``.

    Refused, with 403 and one line that says why:

    - a ``Host`` that is neither a loopback name nor one of ``public_hosts`` (an attacker's DNS may lead here);
    - an ``Origin`` that is neither the host asked, at its port, nor one of ``public_hosts`` where a proxy asked under
      another name: another port of the same name is another program's;
    - a ``Sec-Fetch-Site`` other than ``same-origin`` and ``none``, unless a person follows a link to a page;
    - a query to a path that ends with one of ``posts_only`` by another method than POST: pages there are still shown;
    - a POST, PUT, PATCH or DELETE whose content is not JSON: a form of any page could send it. With ``own_forms`` it is
      let in where the browser says that a page of ours sends it, or where it carries a token, which no page can make
      another's browser send.

    WebSockets are held to the first three. No other page may frame what is served. What begins with one of the paths of
    ``without_cookies``, where nothing that a browser adds by itself says who asks, may be asked from anywhere: by what
    embeds it, by extensions of browsers, by programs that send what they like.
    """

    def __init__(
        self,
        app: App,
        public_hosts: Collection[str] = (),
        *,
        posts_only: Collection[str] = (),
        own_forms: bool = False,
        without_cookies: Collection[str] = (),
    ) -> None:
        self._app = app
        self._hosts = LOOPBACK_HOSTS | {host.lower() for host in public_hosts}
        self._public = {host.lower() for host in public_hosts} - LOOPBACK_HOSTS
        self._posts_only = tuple(posts_only)
        self._own_forms = own_forms
        self._without_cookies = tuple(without_cookies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        if reason := self._refusal(scope):
            await _refuse(scope, send, reason)
            return
        await self._app(scope, receive, send if self._is_without_cookies(scope) else _unframed(send))

    def _refusal(self, scope: Scope) -> str | None:
        """Why a request is not let in; None when it is."""
        hosts = _values(scope, b"host")
        if len(hosts) != 1 or _name(hosts[0]) not in self._hosts:
            return f"the host {', '.join(hosts) or 'of the request'} is not ours; name it in MYI_PUBLIC_HOSTS if it is"
        if self._is_without_cookies(scope):
            return None
        if any(not self._is_ours(origin, hosts[0]) for origin in _values(scope, b"origin")):
            return "the request comes from a page of another site"
        sites = _values(scope, b"sec-fetch-site")
        if any(site not in ("same-origin", "none") for site in sites) and not self._follows_a_link(scope):
            return "the request comes from a page of another site"
        return self._refusal_of_method(scope) if scope["type"] == "http" else None

    def _refusal_of_method(self, scope: Scope) -> str | None:
        safe = scope["method"] in SAFE_METHODS
        if safe and self._is_query(scope):
            return "queries are sent by POST"
        if safe or (self._own_forms and (_says_same_origin(scope) or _carries_token(scope))):
            return None
        if [one.partition(";")[0].strip().lower() for one in _values(scope, b"content-type")] != ["application/json"]:
            return "send it as JSON, with the header Content-Type: application/json"
        return None

    def _is_ours(self, origin: str, host: str) -> bool:
        """Whether an origin is the host that was asked, at its port, or a public name of ours behind a proxy that asks
        under a name of its own."""
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        if parts.scheme not in ("http", "https") or not parts.netloc:
            return False  # such as null, which is what a sandboxed frame sends
        default = {"http": ":80", "https": ":443"}[parts.scheme]
        from_page, asked = (one.lower().removesuffix(default) for one in (parts.netloc, host))
        if from_page == asked:
            return True
        name = _name(from_page)
        return name in self._public and from_page in (name, f"[{name}]") and name != _name(asked)

    def _follows_a_link(self, scope: Scope) -> bool:
        """Whether a browser shows a page as its own window or tab, as for a link in a message."""
        return (
            scope["type"] == "http"
            and scope["method"] in ("GET", "HEAD")
            and _values(scope, b"sec-fetch-mode") == ["navigate"]
            and _values(scope, b"sec-fetch-dest") == ["document"]
            and not self._is_query(scope)
        )

    def _is_without_cookies(self, scope: Scope) -> bool:
        return scope["type"] == "http" and str(scope["path"]).startswith(self._without_cookies)

    def _is_query(self, scope: Scope) -> bool:
        return str(scope["path"]).rstrip("/").endswith(self._posts_only) and "text/html" not in next(
            iter(_values(scope, b"accept")), ""
        )


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


def _says_same_origin(scope: Scope) -> bool:
    """Whether the browser says that a page of ours sends a request: whoever says so, others have been refused."""
    return "same-origin" in _values(scope, b"sec-fetch-site") or bool(_values(scope, b"origin"))


def _carries_token(scope: Scope) -> bool:
    """Whether a request has a token of ours, which a page of another can add only if we allow it, and we do not."""
    return any(one.lower().startswith(TOKEN_SCHEMES) for one in _values(scope, b"authorization"))


def _name(netloc: str) -> str:
    """The host of ``host:port`` or ``[v6]:port``; what is none gives an empty name."""
    try:
        return (urlsplit(f"//{netloc}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _unframed(send: Send) -> Send:
    async def send_unframed(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (b"x-frame-options", b"SAMEORIGIN")]}
        await send(message)

    return send_unframed


async def _refuse(scope: Scope, send: Send, reason: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": ""})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"x-content-type-options", b"nosniff")]
    await send({"type": "http.response.start", "status": FORBIDDEN, "headers": headers})
    await send({"type": "http.response.body", "body": f"refused: {reason}\n".encode()})
