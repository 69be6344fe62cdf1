"""Messages to people through the services that MYI_NOTIFY_URLS names, by apprise: mail, Telegram, Slack, webhooks, ….

Its callers decide when to send one. The URLs hold tokens: they are never logged, shown or put into an error.
"""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from myi_pipelines.errors import ConfigurationError, UnavailableError
from myi_pipelines.runtime.database_urls import passwords_in
from myi_pipelines.settings import Settings

_BETWEEN_URLS = re.compile(r"[\s,]+(?=[A-Za-z][A-Za-z0-9+]*://)")
_URL_WITH_PASSWORD = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://[^\s/@]*:[^\s/@]*@", re.IGNORECASE)
_NAMED_SECRET = re.compile(r"\b(?P<name>password|passwd|token|secret|api_?key)=[^\s&;,]+", re.IGNORECASE)
_LOGGERS = ("apprise", "urllib3", "urllib3.connectionpool")
SHORTEST_SECRET = 6


class NotifyingIsOff(ConfigurationError):
    """MYI_NOTIFY_URLS names no service."""


class NotSent(UnavailableError):
    """No service accepted the message; the error says which kinds there are, never their URLs."""


class Sent(NamedTuple):
    """The services that accepted a message, and those that did not, by the scheme of their URLs."""

    accepted: list[str]
    refused: list[str]


def urls_of(settings: Settings) -> list[str]:
    """The services' URLs; none while notifying is off."""
    return [url.strip(", ") for url in _BETWEEN_URLS.split(settings.notify_urls.strip()) if url.strip(", ")]


def notify(settings: Settings, title: str, text: str) -> Sent:
    """Send a message to every service; each is tried once, within seconds.

    Raises NotifyingIsOff, or NotSent when none of them accepted it. What looks like a secret is removed.
    """
    urls = urls_of(settings)
    if not urls:
        raise NotifyingIsOff("MYI_NOTIFY_URLS is empty: put the URL of a service there, for example ntfys://my-topic")
    sent = Sent([], [])
    with _silent_libraries(), _no_netrc():
        for url in urls:
            is_accepted = _send(url, without_secrets(settings, title), without_secrets(settings, text))
            (sent.accepted if is_accepted else sent.refused).append(scheme_of(url))
    if not sent.accepted:
        kinds = ", ".join(sent.refused)
        raise NotSent(f"no service of MYI_NOTIFY_URLS accepted the message ({kinds}): check their URLs")
    return sent


def scheme_of(url: str) -> str:
    """What may be shown of a URL that holds a token: ``tgram`` of ``tgram://token/chat``."""
    return url.partition("://")[0] if "://" in url else "not a URL"


def without_secrets(settings: Settings, text: str) -> str:
    """The text without anything that the settings keep secret, and without users and passwords in URLs."""
    for secret in sorted(_secrets(settings), key=len, reverse=True):
        text = text.replace(secret, "…")
    return _NAMED_SECRET.sub(r"\g<name>=…", _URL_WITH_PASSWORD.sub(r"\g<scheme>://…@", text))


def _secrets(settings: Settings) -> set[str]:
    found = {settings.spotify_client_secret, settings.encryption_key, *urls_of(settings)}
    for url in (settings.database_url, settings.dagster_database_url, settings.redis_url):
        found |= passwords_in(url)
    return {secret for secret in found if len(secret) >= SHORTEST_SECRET}


def _send(url: str, title: str, text: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Apprise loads what is deprecated, for services that may need it.
        from apprise import Apprise, AppriseAsset, NotifyFormat

        service = Apprise(asset=AppriseAsset(app_id="MYI", app_desc="MYI", app_url=""))
        return bool(service.add(url) and service.notify(body=text, title=title, body_format=NotifyFormat.TEXT))


@contextmanager
def _silent_libraries() -> Iterator[None]:
    """Libraries log nothing while they send: it could contain a URL."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        for logger, was_disabled in zip(loggers, before, strict=True):
            logger.disabled = was_disabled


@contextmanager
def _no_netrc() -> Iterator[None]:
    """Libraries find no ``.netrc`` while they send: its password for the host, or for any, would go out."""
    before = os.environ.get("NETRC")
    os.environ["NETRC"] = os.devnull
    try:
        yield
    finally:
        del os.environ["NETRC"]
        if before is not None:
            os.environ["NETRC"] = before
