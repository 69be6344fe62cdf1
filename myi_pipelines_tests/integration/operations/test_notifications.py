"""Messages to people: what is sent and what is kept out of it, through a real HTTP receiver."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from myi_pipelines.operations.monitoring.notifications import NotifyingIsOff, NotSent, notify, urls_of, without_secrets
from myi_pipelines.settings import Settings
from myi_pipelines_tests.support.http_receiver import Receiver, receiving

UNREACHABLE = "json://127.0.0.1:9/a-secret-token"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


def test_a_message_reaches_every_service(receiver: Receiver) -> None:
    with receiving() as other:
        sent = notify(
            Settings(notify_urls=f"{receiver.url()}, {other.url()}"), "Title", "Text with ünïcode\nand a line"
        )
        assert sent.accepted == ["json", "json"]
        assert other.titles == ["Title"]
    assert receiver.texts == ["Text with ünïcode\nand a line"]


def test_a_service_that_does_not_answer_keeps_no_other_from_the_message(receiver: Receiver) -> None:
    sent = notify(Settings(notify_urls=f"{UNREACHABLE} {receiver.url()}"), "Title", "Text")
    assert (sent.accepted, sent.refused) == (["json"], ["json"])
    assert receiver.titles == ["Title"]


def test_without_urls_it_is_off_and_says_how_to_turn_it_on() -> None:
    with pytest.raises(NotifyingIsOff, match="MYI_NOTIFY_URLS is empty"):
        notify(Settings(notify_urls=" , "), "Title", "Text")


@pytest.mark.parametrize("url", [UNREACHABLE, "bogus://a-secret-token/x", "a-secret-token", "tgram://a-secret-token"])
def test_neither_log_nor_error_contains_a_url(url: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(NotSent) as error:
        notify(Settings(notify_urls=url), "Title", "Text")
    assert "a-secret-token" not in f"{error.value} {caplog.text}"
    assert "check their URLs" in str(error.value)


def test_of_a_sent_message_no_url_is_logged(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        notify(Settings(notify_urls=receiver.url()), "Title", "Text")
    assert receiver.titles == ["Title"]
    assert "a-secret-token" not in caplog.text


def test_a_netrc_is_not_read(receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("default login someone password hers\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    notify(Settings(notify_urls=receiver.url()), "Title", "Text")
    assert (receiver.titles, receiver.logins) == (["Title"], [])
    assert os.environ["NETRC"] == str(tmp_path / "netrc")


def test_secrets_are_never_sent_in_a_message(receiver: Receiver) -> None:
    settings = Settings(
        notify_urls=receiver.url(),
        database_url="postgresql://myi:p%40ssword@db/myi",
        redis_url="redis://:anotherone@redis/0",
        spotify_client_secret="client-secret",
        encryption_key="the-key-of-tokens",
    )
    secrets = "p%40ssword", "p@ssword", "anotherone", "client-secret", "the-key-of-tokens", receiver.url()
    notify(settings, f"no client-secret {secrets}", f"connecting to ftp://me:mine@host failed, {' '.join(secrets)}")
    said = f"{receiver.titles} {receiver.texts}"
    assert "mine@" not in said
    assert [secret for secret in secrets if secret in said] == []
    assert without_secrets(settings, "host=db password=hunter2 dbname=myi") == "host=db password=… dbname=myi"
    assert without_secrets(settings, "run 42 failed") == "run 42 failed"


def test_urls_are_split_at_commas_and_spaces_but_not_within_one() -> None:
    text = "mailto://me:x@host?to=a@b.org,c@d.org, ntfys://topic\n json://host/a"
    assert urls_of(Settings(notify_urls=text)) == [
        "mailto://me:x@host?to=a@b.org,c@d.org",
        "ntfys://topic",
        "json://host/a",
    ]
