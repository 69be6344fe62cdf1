"""Spotify for Dagster: the API's client, within the limits that all processes share, and the accounts' tokens."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import dagster as dg
from pydantic import Field

from myi_pipelines.orchestration.resources.fixed_resource import FixedResource
from myi_pipelines.runtime.servers import servers_of
from myi_pipelines.settings import load_settings
from myi_pipelines.warehouse.poll_pacing import Quota

if TYPE_CHECKING:
    from myi_pipelines.ingest.spotify.access_tokens import AccessTokens
    from myi_pipelines.sources.spotify.client import SpotifyClient


class Access(NamedTuple):
    """What it takes to ask Spotify on behalf of linked accounts."""

    client: "SpotifyClient"
    tokens: "AccessTokens"
    redis_url: str
    quota: Quota
    """What polls may cost, and how often they can happen."""


class Spotify(FixedResource):
    """The Spotify app of the settings. Opened only when asked for: other runs need no app and load no client."""

    calls_per_day: int | None = Field(
        default=None,
        description="What may be called of each family of endpoints in 24 hours; the settings' own if empty.",
    )

    @contextmanager
    def access(self, *, required: bool) -> Iterator[Access | str]:
        """Or why there is nobody to ask: the settings name no app.

        Raises ``dagster.Failure``, in one line, when they name one whose encryption key cannot be used, and, where
        access is required, when they name none.
        """
        with self.access_or_reason() as access:
            if isinstance(access, str) and (required or load_settings().spotify_client_id):
                raise dg.Failure(access, allow_retries=False)
            yield access

    @contextmanager
    def access_or_reason(self) -> Iterator[Access | str]:
        """Or why there is none: the settings name no app, or the encryption key cannot be used."""
        from myi_pipelines.ingest.spotify.access_tokens import AccessTokens
        from myi_pipelines.ingest.spotify.app_settings import AppMissing, client_of
        from myi_pipelines.runtime.token_keys import TokenKeys
        from myi_pipelines.sources.spotify.token_cipher import KeyNotUsable

        overrides = {} if self.calls_per_day is None else {"calls_per_day": self.calls_per_day}
        settings = load_settings(**overrides)
        try:
            tokens = AccessTokens.of_settings(settings)
            TokenKeys.of_settings(settings).cipher()
        except (AppMissing, KeyNotUsable) as error:
            yield str(error)
            return
        with client_of(settings) as client:
            yield Access(
                client=client,
                tokens=tokens,
                redis_url=servers_of(settings).redis_url,
                quota=Quota(settings.calls_per_day, timedelta(minutes=settings.poll_minutes)),
            )
