"""The Spotify app in the settings, and a client that stays within its limits. Makes no calls by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from myi_pipelines.errors import ConfigurationError
from myi_pipelines.runtime.servers import servers_of
from myi_pipelines.settings import Settings
from myi_pipelines.sources.spotify import oauth
from myi_pipelines.sources.spotify.client import SpotifyClient
from myi_pipelines.sources.spotify.rate_limits import Gate


class AppMissing(ConfigurationError):
    """The settings name no Spotify app."""


def app_of(settings: Settings) -> oauth.App:
    """The app to which accounts are linked. Raises AppMissing."""
    if not settings.spotify_client_id:
        raise AppMissing(
            "MYI_SPOTIFY_CLIENT_ID is not set: make an app at https://developer.spotify.com/dashboard with the "
            f"redirect URI {settings.spotify_redirect_uri} and put its client id into .env"
        )
    return oauth.App(
        client_id=settings.spotify_client_id,
        redirect_uri=settings.spotify_redirect_uri,
        client_secret=settings.spotify_client_secret,
        accounts_url=settings.spotify_accounts_url,
    )


@contextmanager
def client_of(settings: Settings) -> Iterator[SpotifyClient]:
    """A client of the Web API, closed at the end of the block. Its calls count together with those of all processes."""
    with (
        closing(Gate(servers_of(settings).redis_url, settings.calls_per_minute, settings.calls_per_day)) as gate,
        closing(SpotifyClient(gate, settings.spotify_api_url)) as client,
    ):
        yield client
