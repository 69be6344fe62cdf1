"""Headers that keep a browser from doing with our pages what they do not ask for."""

from __future__ import annotations

from collections.abc import Sequence

from myi_pipelines.runtime.request_guard import App, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors {ancestors}",
    )
)
"""Nothing inline and nothing of another host: names that were chosen by others cannot become scripts."""

_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
_OURS = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.format(ancestors="'none'").encode()),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
)
_EMBEDDED = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.format(ancestors="*").encode()),
    (b"cross-origin-resource-policy", b"cross-origin"),
)
HTTPS_ONLY = (b"strict-transport-security", b"max-age=31536000")
"""Sent over https only, as the standard asks."""


class SecurityHeaders:
    """Adds the headers to each answer that has not set them itself.

    What lies under one of the ``embeddable`` paths may be shown in pages of others.
    """

    def __init__(self, app: App, embeddable: Sequence[str] = ()) -> None:
        self._app = app
        self._embeddable = tuple(embeddable)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        wanted = [*_ALWAYS, *(_EMBEDDED if scope["path"].startswith(self._embeddable) else _OURS)]
        if scope.get("scheme") == "https":
            wanted.append(HTTPS_ONLY)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent = list(message.get("headers", ()))
                names = {name.lower() for name, _ in sent}
                message = {**message, "headers": [*sent, *(one for one in wanted if one[0] not in names)]}
            await send(message)

        await self._app(scope, receive, send_with_headers)
