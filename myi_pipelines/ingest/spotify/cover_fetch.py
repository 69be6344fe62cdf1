"""Fetches pictures of albums and artists from Spotify's image hosts, a few at once, within limits of size and time.

The addresses stand in payloads, which are data of others: only known hosts are asked, and no redirect is followed. The
image hosts are no part of the Web API, and asking them costs no quota.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple
from urllib.parse import urlsplit

import requests

from myi_pipelines.settings import Settings
from myi_pipelines.sources.spotify.transport import TIMEOUTS_A_REPLY, DeadlineAdapter, Session
from myi_pipelines.warehouse.cover_images import WantedImage, keep_image, remove_unused_images, wanted_images
from myi_pipelines.warehouse.database.connections import Connection

IMAGE_HOSTS = frozenset({
    "i.scdn.co", "mosaic.scdn.co", "image-cdn-ak.spotifycdn.com", "image-cdn-fa.spotifycdn.com",
})  # fmt: skip
"""Where Spotify's payloads say that pictures are."""
IMAGES_A_RUN = 200
LARGEST_IMAGE = 400_000
"""Bytes. A cover of 300 pixels has about 20,000."""
AT_ONCE = 4
SECONDS = 10
GIVE_UP_AFTER = 3
"""How many batches without any answer end a run: the hosts cannot be reached."""


class FetchedCovers(NamedTuple):
    """What one run did."""

    fetched: int
    failed: int
    """Pictures that the hosts do not have, or that are none."""
    removed: int
    """Kept pictures of what is no longer among the most played."""
    stopped: str | None
    """Why the run ended early."""


class _Unreachable(Exception):
    """The host gave no answer, so nothing is known of the picture."""


def fetch_covers(conn: Connection, settings: Settings, *, limit: int = IMAGES_A_RUN) -> FetchedCovers:
    """Fetch the pictures that are wanted, the most played first, and remove those that no longer are."""
    removed = remove_unused_images(conn, settings.cover_images)
    wanted = wanted_images(conn, settings.cover_images, each=limit)
    fetched = failed = silent = 0
    unreachable: list[WantedImage] = []
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="covers") as pool, Session() as session:
        for scheme in ("https://", "http://"):
            session.mount(scheme, DeadlineAdapter(TIMEOUTS_A_REPLY * SECONDS))
        hosts = image_hosts(settings)
        for first in range(0, len(wanted), AT_ONCE):
            some = wanted[first : first + AT_ONCE]
            answers = list(pool.map(lambda one: _answer(session, one, hosts), some))
            for one, answer in zip(some, answers, strict=True):
                if isinstance(answer, _Unreachable):
                    unreachable.append(one)
                    continue
                is_kept = keep_image(conn, one.image_url, answer)
                fetched, failed = fetched + is_kept, failed + (not is_kept)
            silent = silent + 1 if all(isinstance(answer, _Unreachable) for answer in answers) else 0
            if silent == GIVE_UP_AFTER:
                return FetchedCovers(fetched, failed, removed, "Spotify's image hosts do not answer")
    if fetched:  # The hosts answer, so what got no answer is at fault itself.
        for one in unreachable:
            keep_image(conn, one.image_url, None)
        failed += len(unreachable)
    return FetchedCovers(fetched, failed, removed, None)


def image_hosts(settings: Settings) -> frozenset[str]:
    """The hosts, and ports where they have one, that may be asked: Spotify's, and where the API itself is another."""
    api = urlsplit(settings.spotify_api_url)
    is_spotify = settings.spotify_api_url == type(settings).model_fields["spotify_api_url"].default
    return IMAGE_HOSTS if is_spotify else IMAGE_HOSTS | {api.netloc}


def _answer(session: requests.Session, wanted: WantedImage, hosts: frozenset[str]) -> bytes | _Unreachable | None:
    try:
        return _fetch(session, wanted.address, hosts)
    except _Unreachable as error:
        return error


def _fetch(session: requests.Session, address: str, hosts: frozenset[str]) -> bytes | None:
    """The bytes at an address; None where there are none that may be kept. Raises _Unreachable."""
    parts = urlsplit(address)
    if parts.netloc not in hosts or parts.scheme not in ("https", "http"):
        return None
    if parts.scheme == "http" and parts.netloc in IMAGE_HOSTS:
        return None
    try:
        with session.get(address, timeout=SECONDS, stream=True, allow_redirects=False) as response:
            if response.status_code == requests.codes.too_many_requests or response.status_code >= 500:
                raise _Unreachable
            if response.status_code != requests.codes.ok:
                return None
            content = bytearray()
            for piece in response.iter_content(65_536):
                content += piece
                if len(content) > LARGEST_IMAGE:
                    return None
            return bytes(content)
    except requests.RequestException:
        raise _Unreachable from None
