"""What a form has done, said on the page to which the browser is sent then: once, and by us alone.

It goes by a cookie of that page. What stands in an address, anybody could have written there.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from myi_pipelines.serving.access.cookies import is_secure, session_name

SECONDS = 60
"""Within which the page is opened."""
LONGEST = 500
"""Characters, which a cookie holds in any script."""
ALERT, NEWS = "!", "."


class Said(NamedTuple):
    """What is said; nothing where it is empty."""

    text: str = ""
    is_alert: bool = False


def go_on(request: Request, target: str, said: Said) -> Response:
    """On to a page of ours, made by ``saying``, which says it."""
    response = RedirectResponse(target, 303)
    _set(request, response, urlsplit(target).path, _written(said), SECONDS)
    return response


def saying(request: Request, make: Callable[[Said], Response]) -> Response:
    """A page that says what the form before it has done. It is not kept: it also shows what others may not see."""
    kept = request.cookies.get(_name(request), "")
    response = make(_read(kept))
    if kept:
        _set(request, response, quote(request.scope["path"]), "", 0)
    response.headers["Cache-Control"] = "no-store"
    return response


def _name(request: Request) -> str:
    """Beside the session's, whose prefix over https does not allow a path."""
    return "__Secure-myi_said" if is_secure(request) else f"{session_name(request)}_said"


def _set(request: Request, response: Response, path: str, value: str, seconds: int) -> None:
    response.set_cookie(
        _name(request),
        value,
        max_age=seconds,
        path=path,
        secure=is_secure(request),
        httponly=True,
        samesite="strict",
    )


def _written(said: Said) -> str:
    text = (ALERT if said.is_alert else NEWS) + said.text[:LONGEST]
    return base64.urlsafe_b64encode(text.encode("utf-8", "replace")).decode().rstrip("=")


def _read(kept: str) -> Said:
    try:
        text = base64.urlsafe_b64decode(f"{kept}==".encode()).decode()
    except ValueError:
        return Said()
    return Said(text[1 : LONGEST + 1], is_alert=text.startswith(ALERT))
