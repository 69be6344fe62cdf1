"""Forms of our own pages, read to the end in an endpoint that runs in a thread."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

LARGEST = 64 * 1024
"""Bytes of a form without files."""

Form: TypeAlias = dict[str, str]


def form_endpoint(function: Callable[[Request, Form], Response]) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint for POST whose ``function`` runs in a thread and gets the form's fields; of several of one name, the
    last. Answers 413 to what is larger than a form without files is."""

    async def endpoint(request: Request) -> Response:
        if int(request.headers.get("content-length") or 0) > LARGEST:
            raise HTTPException(413)
        size = 0
        chunks = []
        async for chunk in request.stream():
            size += len(chunk)
            if size > LARGEST:
                raise HTTPException(413)
            chunks.append(chunk)
        request._body = b"".join(chunks)
        async with request.form(max_files=0, max_fields=100) as fields:
            form = {name: value for name, value in fields.multi_items() if isinstance(value, str)}
        return await run_in_threadpool(function, request, form)

    endpoint.__name__ = function.__name__
    return endpoint


def own_path(text: str, default: str = "/") -> str:
    """A path of ours to go on to: what leads anywhere else becomes the default."""
    is_ours = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable() and "\\" not in text
    return text if is_ours and len(text) <= 2_000 else default
