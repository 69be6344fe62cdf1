"""Serves the pictures of albums and artists. Their addresses tell nothing, and what is behind one never changes."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from myi_pipelines.serving.context import context_of
from myi_pipelines.serving.queries.cover_images import cover_image

FOR_EVER = "private, max-age=31536000, immutable"


def picture(request: Request) -> Response:
    """One picture. Whoever was shown its address may see it: public pages have pictures too."""
    with context_of(request).glancing() as conn:
        image = cover_image(conn, request.path_params["key"])
    if image is None:
        raise HTTPException(404)
    return Response(image.content, media_type=image.media_type, headers={"Cache-Control": FOR_EVER})


ROUTES = [Route("/covers/{key:uuid}", picture, name="cover")]
