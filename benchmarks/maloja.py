"""A rival: Maloja, a scrobble server, with the plays of one user and asked over HTTP. It runs from a venv of its own.

``pip install malojaserver`` in another environment makes the executable: it needs versions that MYI does not.
"""

from __future__ import annotations

import http.client
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote
from zipfile import ZipFile

from myi_pipelines.runtime.ports import free_port

SECONDS_TO_START = 300
SECONDS_TO_IMPORT = 3_600
FIRST, LAST = "2019-03-05", "2024-09-04"
"""Five years and a half."""


class Rivalry(NamedTuple):
    """A page of ours and one of Maloja's that tell the same, by milliseconds: asked for the first time, and again."""

    name: str
    ours_first: float
    ours_again: float
    theirs_first: float
    theirs_again: float


class Page(NamedTuple):
    """A page of ours and one of Maloja's that tell the same."""

    name: str
    ours: str
    theirs: str


class NoRival(Exception):
    """Maloja did not start, or answered with an error."""


def pages(user: str, artist: int, artist_name: str) -> list[Page]:
    """The start page, the most played tracks of all time, an artist's page, and a range of five years and a half."""
    days = f"since={FIRST.replace('-', '/')}&until={LAST.replace('-', '/')}"
    return [
        Page("start page", f"/u/{user}?range=all", "/"),
        Page("top tracks of all time", f"/u/{user}/tops/songs?range=all", "/charts_tracks"),
        Page("an artist", f"/u/{user}/artist/{artist}?range=all", f"/artist?artist={quote(artist_name)}"),
        Page("five years and a half", f"/u/{user}/tops/songs?range={FIRST}..{LAST}", f"/charts_tracks?{days}"),
    ]


@contextmanager
def serving(executable: Path, export: Path, folder: Path) -> Iterator[int]:
    """Import an export of Spotify, and serve it; the port. Raises NoRival."""
    port = free_port()
    data = {"MALOJA_DATA_DIRECTORY": str(folder / "data"), "MALOJA_SKIP_SETUP": "true"}
    environment = os.environ | data | {"MALOJA_HOST": "127.0.0.1", "MALOJA_PORT": str(port)}
    with ZipFile(export) as archive:
        archive.extractall(folder / "files")
    first = min((folder / "files").rglob("*Audio*.json"))
    subprocess.run(  # it finds the files beside this one, and takes an empty line as yes to importing them all
        [executable, "import", first],
        env=environment, check=True, input=b"\n", capture_output=True, timeout=SECONDS_TO_IMPORT,
    )  # fmt: skip
    with (folder / "maloja.log").open("w") as log:
        server = subprocess.Popen(
            [executable, "run"], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            _wait(port, server)
            yield port
        finally:
            server.terminate()
            server.wait(60)


def milliseconds(port: int, path: str, headers: dict[str, str] | None = None) -> float:
    """How long one answer takes, over a new connection. Raises NoRival for an error."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=120)) as connection:
        began = time.perf_counter()
        connection.request("GET", path, headers={"Accept": "text/html", **(headers or {})})
        answer = connection.getresponse()
        answer.read()
        took = (time.perf_counter() - began) * 1_000
    if answer.status != 200:
        raise NoRival(f"{path}: {answer.status}")
    return took


def compare(ours: int, cookie: str, theirs: int, asked: list[Page]) -> list[Rivalry]:
    """Ask both for the same, for the first time and again."""
    found = []
    for page in asked:
        mine = [milliseconds(ours, page.ours, {"Cookie": cookie}) for _ in range(2)]
        other = [milliseconds(theirs, page.theirs) for _ in range(2)]
        found.append(Rivalry(page.name, *mine, *other))
    return found


def _wait(port: int, server: subprocess.Popen[bytes]) -> None:
    """Until it answers; its start page is left for the measurement."""
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise NoRival("Maloja has ended")
        try:
            milliseconds(port, "/apis/mlj_1/serverinfo")
        except (OSError, NoRival):
            time.sleep(0.5)
        else:
            return
    raise NoRival("Maloja does not answer")
