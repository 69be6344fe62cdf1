"""The errors of calls to Spotify, named after what the caller has to do. No message contains a token, a name or an
address: only fixed words, endpoint groups, statuses and times."""

from datetime import datetime
from enum import StrEnum

from myi_pipelines.errors import UnavailableError


class SpotifyError(UnavailableError):
    """A call to Spotify failed. The subclass says what to do next."""


class LoginNeeded(SpotifyError):
    """The authorization has ended. Only the listener can give a new one, so the call is never retried."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason if "`myi login`" in reason else f"{reason}; run `myi login`")
        self.reason = reason


class Unauthenticated(SpotifyError):
    """Spotify does not accept the credentials: 401 from the API (refresh the access token once and try again), or a
    refusal of the accounts service other than LoginNeeded and InvalidClient."""


class ForbiddenKind(StrEnum):
    """What a 403 means."""

    NOT_REGISTERED = "not registered"
    PREMIUM_NEEDED = "Premium needed"
    SCOPE_MISSING = "scope missing"
    BATCH_NOT_ALLOWED = "batch not allowed"
    OTHER = "other"


_FORBIDDEN = {
    ForbiddenKind.NOT_REGISTERED: "the account is not on the app's list of users; add it in Spotify's developer "
    "dashboard under User Management",
    ForbiddenKind.PREMIUM_NEEDED: "the owner of the Spotify app needs an active Premium subscription",
    ForbiddenKind.SCOPE_MISSING: "the login did not grant all that MYI asks for; log in again with `myi login` "
    "and agree to everything",
    ForbiddenKind.BATCH_NOT_ALLOWED: "this app may not ask for several objects in one call",
    ForbiddenKind.OTHER: "Spotify forbids this call",
}


class Forbidden(SpotifyError):
    """403: the app, or this listener with the app, may not make this call."""

    def __init__(self, kind: ForbiddenKind) -> None:
        super().__init__(_FORBIDDEN[kind])
        self.kind = kind


class InvalidClient(SpotifyError):
    """The app's settings are wrong. No account can be linked or refreshed until they are corrected."""

    def __init__(self) -> None:
        super().__init__(
            "Spotify does not know this app: check MYI_SPOTIFY_CLIENT_ID and MYI_SPOTIFY_CLIENT_SECRET against the "
            "developer dashboard"
        )


class Gone(SpotifyError):
    """The requested object does not exist, or no longer exists: 404, or 400 for an invalid id."""


class RateLimited(SpotifyError):
    """Too many calls, by Spotify's answer or by our own limits before the call. Call nothing before ``retry_at``."""

    def __init__(self, message: str, retry_at: datetime) -> None:
        super().__init__(f"{message}; next call at {retry_at:%Y-%m-%d %H:%M:%S} UTC")
        self.retry_at = retry_at


class QuotaExceeded(RateLimited):
    """The 24-hour quota of one group of endpoints is used up. Other groups may be called."""

    def __init__(self, group: str, message: str, retry_at: datetime) -> None:
        super().__init__(message, retry_at)
        self.group = group


class EndpointsForbidden(RateLimited):
    """Spotify forbade several objects of one group of endpoints in a row. Other groups may be called."""


class Unavailable(SpotifyError):
    """No usable answer: 5xx, a timeout, a broken connection, or a circuit that is open after several of them.
    ``retry_at`` is known only for an open circuit."""

    def __init__(self, message: str, retry_at: datetime | None = None) -> None:
        super().__init__(message)
        self.retry_at = retry_at


class MalformedReply(SpotifyError):
    """An answer that the API does not document: HTML with status 200, an empty body, a list instead of an object, or
    another status."""
