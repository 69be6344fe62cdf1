"""Files that never change at their address: ``/static/<hash of all files>/name``, held in memory, compressed once."""

from __future__ import annotations

import hashlib
import mimetypes
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from myi_pipelines.serving.asgi.compression import Coding, accepted_coding, compressed, is_compressible

PREFIX = "/static"
FOREVER = "public, max-age=31536000, immutable"
TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".ico": "image/x-icon",
}
"""What browsers insist on, whatever the machine's own table says."""


class StaticFile(NamedTuple):
    """One file, as it is served."""

    content: bytes
    content_type: str


class StaticFiles:
    """The files of a folder, by the hash of all of them: a new version of any has new addresses.

    One hash for all lets style sheets and modules name each other by relative paths.
    """

    def __init__(self, folder: Path) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): StaticFile(path.read_bytes(), _type_of(path))
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        self._compressed: dict[tuple[str, str], bytes] = {}

    @cached_property
    def version(self) -> str:
        """Differs where the name or the content of any file does."""
        digest = hashlib.sha256()
        for name, file in self._files.items():
            digest.update(f"{name}\0{len(file.content)}\0".encode())
            digest.update(file.content)
        return digest.hexdigest()[:12]

    def url(self, name: str) -> str:
        """The address of a file, for templates. Raises LookupError for one that there is not."""
        if name not in self._files:
            raise LookupError(f"there is no static file {name}")
        return f"{PREFIX}/{self.version}/{name}"

    def serve(self, request: Request) -> Response:
        """The endpoint of ``/static/{version}/{name:path}``.

        A page of another version, of a process beside this one, gets the file too; but its browser does not keep it.
        """
        name = request.path_params["name"]
        file = self._files.get(name)
        if file is None:
            raise HTTPException(404)
        caching = FOREVER if request.path_params["version"] == self.version else "no-cache"
        headers = {"Cache-Control": caching, "ETag": f'"{self.version}"'}
        if is_compressible(file.content_type):
            headers["Vary"] = "Accept-Encoding"
            if coding := accepted_coding(request.headers.get("accept-encoding", "")):
                headers["Content-Encoding"] = coding.name
                return Response(self._small(name, coding), media_type=file.content_type, headers=headers)
        return Response(file.content, media_type=file.content_type, headers=headers)

    def _small(self, name: str, coding: Coding) -> bytes:
        key = name, coding.name
        if key not in self._compressed:
            self._compressed[key] = compressed(self._files[name].content, coding)
        return self._compressed[key]


def _type_of(path: Path) -> str:
    return TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
