"""The errors of calls to MusicBrainz. Their text uses fixed words, statuses and times only."""

from datetime import datetime

from myi_pipelines.errors import UnavailableError


class MusicBrainzError(UnavailableError):
    """A call to MusicBrainz failed."""


class Paused(MusicBrainzError):
    """MusicBrainz asked to be left alone until a time, by an answer to any process. The call was not made."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"MusicBrainz asks to wait until {until:%Y-%m-%d %H:%M:%S} UTC")
        self.until = until


class Refused(MusicBrainzError):
    """MusicBrainz refuses this application, and will refuse its next call as well."""


class Unavailable(MusicBrainzError):
    """No usable answer: a timeout, a broken connection, 5xx, or something that is not what the API documents."""
