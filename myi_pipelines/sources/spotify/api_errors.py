"""Everything that can go wrong between us and Spotify, named after what the caller has to do about it. No message holds
a token, a name or an address: only fixed words, ids of endpoints, statuses and times."""

from datetime import datetime
from enum import StrEnum

from myi_pipelines.errors import UnavailableError


class SpotifyError(UnavailableError):
    """Spotify did not do what was asked; the subclass says what to do next."""


class LoginNeeded(SpotifyError):
    """The authorization is over: only the listener can give a new one. Never retried."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason if "`myi login`" in reason else f"{reason}; run `myi login`")
        self.reason = reason


class Unauthenticated(SpotifyError):
    """Spotify refused who we say we are: the API with 401 (refresh the access token once and try again), or the
    accounts service for another reason than LoginNeeded and InvalidClient."""


class ForbiddenKind(StrEnum):
    """What a 403 means."""

    NOT_REGISTERED = "not registered"
    PREMIUM_NEEDED = "Premium needed"
    BATCH_NOT_ALLOWED = "batch not allowed"
    OTHER = "other"


_FORBIDDEN = {
    ForbiddenKind.NOT_REGISTERED: "the account is not on the app's list of users; add it in Spotify's developer "
    "dashboard under User Management",
    ForbiddenKind.PREMIUM_NEEDED: "the owner of the Spotify app needs an active Premium subscription",
    ForbiddenKind.BATCH_NOT_ALLOWED: "this app may not ask for several objects in one call",
    ForbiddenKind.OTHER: "Spotify forbids this call",
}


class Forbidden(SpotifyError):
    """403: this app, or this listener with this app, may not do that."""

    def __init__(self, kind: ForbiddenKind) -> None:
        super().__init__(_FORBIDDEN[kind])
        self.kind = kind


class InvalidClient(SpotifyError):
    """The app's own settings are wrong: no account can be linked or refreshed until they are mended."""

    def __init__(self) -> None:
        super().__init__(
            "Spotify does not know this app: check MYI_SPOTIFY_CLIENT_ID and MYI_SPOTIFY_CLIENT_SECRET against the "
            "developer dashboard"
        )


class Gone(SpotifyError):
    """The one object asked for does not exist (any more): 404, or 400 for an id that never was one."""


class RateLimited(SpotifyError):
    """Too many calls: said by Spotify, or by our own limits before a call is made. Nothing may be called before
    ``retry_at``."""

    def __init__(self, message: str, retry_at: datetime) -> None:
        super().__init__(f"{message}; next call at {retry_at:%Y-%m-%d %H:%M:%S} UTC")
        self.retry_at = retry_at


class QuotaExceeded(RateLimited):
    """The 24-hour quota of one family of endpoints is used up; other families may be called."""

    def __init__(self, group: str, message: str, retry_at: datetime) -> None:
        super().__init__(message, retry_at)
        self.group = group


class Unavailable(SpotifyError):
    """No usable answer: 5xx, a timeout, a broken connection, or a circuit that is open after several of those.
    ``retry_at`` is known only in the last case."""

    def __init__(self, message: str, retry_at: datetime | None = None) -> None:
        super().__init__(message)
        self.retry_at = retry_at


class MalformedReply(SpotifyError):
    """An answer that is no such reply: HTML with status 200, an empty body, a list where an object belongs, a status
    that the API does not document."""
