import os
from pathlib import Path

import pytest

from myi_pipelines.settings import BY_FILE, PREFIX, SECRETS, SettingsError, load_settings, unknown_settings


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MYI_HOME")


def test_folders_are_meant_from_the_folder_that_the_command_runs_in(tmp_path: Path) -> None:
    settings = load_settings()
    assert settings.home == tmp_path / ".myi"
    assert settings.uploads == tmp_path / "uploads"


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("MYI_PORT", "abc", 'MYI_PORT="abc": expected a whole number from 1 to 65535'),
        ("MYI_PORT", "70000", 'MYI_PORT="70000": expected a whole number from 1 to 65535'),
        (
            "MYI_PUBLIC_HOSTS",
            "https://myi.example.com",
            'MYI_PUBLIC_HOSTS="https://myi.example.com": expected names without scheme and port, like myi.example.com, '
            "separated by spaces or commas",
        ),
        (
            "MYI_WEB_HOST",
            "myi.lan",
            'MYI_WEB_HOST="myi.lan": expected an IP address to listen at, like 127.0.0.1 or 0.0.0.0',
        ),
        (
            "MYI_TRUSTED_PROXIES",
            "10.0.0.1/8",
            'MYI_TRUSTED_PROXIES="10.0.0.1/8": expected IP addresses or networks, like 10.0.0.2 or 10.0.0.0/24, '
            "separated by spaces or commas",
        ),
        (
            "MYI_TRUSTED_PROXY_HEADER",
            "X-User:",
            'MYI_TRUSTED_PROXY_HEADER="X-User:": expected the name of a header, like X-Remote-User',
        ),
        (
            "MYI_MUSICBRAINZ_CONTACT",
            "me",
            'MYI_MUSICBRAINZ_CONTACT="me": expected an e-mail address or a URL, like me@example.com',
        ),
        (
            "MYI_MUSICBRAINZ_CALLS_PER_SECOND",
            "2",
            'MYI_MUSICBRAINZ_CALLS_PER_SECOND="2": expected 1, for musicbrainz.org allows no more; a mirror of your '
            "own may take more",
        ),
        ("MYI_ZIP_MAX_RATIO", "0", 'MYI_ZIP_MAX_RATIO="0": expected a whole number of 1 or more'),
        ("MYI_REDIS_URL", "localhost", 'MYI_REDIS_URL="…": expected a Redis URL like redis://:password@host:6379/0'),
    ],
)
def test_a_wrong_value_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch, name: str, value: str, line: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value) == line


def test_only_a_mirror_may_be_asked_more_than_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYI_MUSICBRAINZ_CALLS_PER_SECOND", "20")
    monkeypatch.setenv("MYI_MUSICBRAINZ_URL", "http://mirror.example:5000/")
    assert load_settings().musicbrainz_url == "http://mirror.example:5000"
    for official in ("https://musicbrainz.org", "https://beta.musicbrainz.org"):
        monkeypatch.setenv("MYI_MUSICBRAINZ_URL", official)
        with pytest.raises(SettingsError, match="MUSICBRAINZ_CALLS_PER_SECOND"):
            load_settings()


def test_public_hosts_are_names_in_any_case_and_any_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYI_PUBLIC_HOSTS", "MYI.example.com, nas 192.168.0.7, fd00::7")
    assert load_settings().public_host_names == {"myi.example.com", "nas", "192.168.0.7", "fd00::7"}


SPOTIFY_TAKES = (
    "for Spotify accepts https://… and, without https, only http://127.0.0.1:PORT/… and http://[::1]:PORT/…; "
    "the same URI must be in the app's settings at Spotify"
)


@pytest.mark.parametrize(
    ("uri", "instead"),
    [
        ("http://myi.example.org/auth/callback", "https"),
        ("http://192.168.0.7:3001/auth/callback", "https"),
        ("http://127.0.0.1.example.org/auth/callback", "https"),
        ("http://localhost:3001/auth/callback", "127.0.0.1 in place of localhost"),
        ("https://localhost:3001/auth/callback", "127.0.0.1 in place of localhost"),
        ("ftp://127.0.0.1/auth/callback", "https"),
        ("127.0.0.1:3001/auth/callback", "https"),
    ],
)
def test_a_redirect_uri_that_spotify_refuses_is_refused(
    monkeypatch: pytest.MonkeyPatch, uri: str, instead: str
) -> None:
    monkeypatch.setenv("MYI_SPOTIFY_REDIRECT_URI", uri)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value) == f'MYI_SPOTIFY_REDIRECT_URI="{uri}": expected {instead}, {SPOTIFY_TAKES}'


@pytest.mark.parametrize(
    "uri",
    ["http://127.0.0.1:3001/auth/callback", "http://[::1]:3001/auth/callback", "https://myi.example.org/auth/callback"],
)
def test_a_redirect_uri_that_spotify_accepts_is_kept(monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    monkeypatch.setenv("MYI_SPOTIFY_REDIRECT_URI", uri)
    assert load_settings().spotify_redirect_uri == uri


def test_a_wrong_url_does_not_show_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYI_DATABASE_URL", "mysql://anna:secret@host/db")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value).startswith('MYI_DATABASE_URL="…": expected a PostgreSQL URL like')
    assert "secret" not in str(caught.value)


def test_every_wrong_value_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYI_PORT", "0")
    monkeypatch.setenv("MYI_MIN_PLAY_MS", "-1")
    with pytest.raises(SettingsError, match=r"MYI_PORT=.*; MYI_MIN_PLAY_MS=.*"):
        load_settings()


def test_the_env_file_is_read_and_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("MYI_PORT=4000\nMYI_MIN_PLAY_MS=1000\n")
    monkeypatch.setenv("MYI_PORT", "5000")
    settings = load_settings()
    assert (settings.port, settings.min_play_ms) == (5000, 1000)


def test_an_empty_variable_means_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYI_PORT", "")
    assert load_settings().port == 3000


def test_a_misspelled_setting_is_noticed_with_the_nearest_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("MYI_UPLOAD=there\n")
    monkeypatch.setenv("MYI_PROT", "3001")
    assert unknown_settings() == [
        "MYI_PROT is not a setting of MYI; did you mean MYI_PORT?",
        "MYI_UPLOAD is not a setting of MYI; did you mean MYI_UPLOADS?",
    ]


URL = "postgresql://anna:geheim@host:5432/myi"
FIELDS = {
    "database_url": URL,
    "reader_database_url": URL,
    "keeper_database_url": URL,
    "dagster_database_url": URL,
    "web_password": "geheim",
    "redis_url": "redis://:geheim@host:6379/0",
    "spotify_client_secret": "geheim",
    "encryption_key": "Z2VoZWlt",
    "notify_urls": "ntfys://geheim",
}


@pytest.mark.parametrize("field", FIELDS)
def test_a_secret_may_be_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, field: str) -> None:
    (tmp_path / "secret").write_text(f"{FIELDS[field]}\n")
    monkeypatch.setenv(f"MYI_{field.upper()}_FILE", "secret")
    assert getattr(load_settings(), field) == FIELDS[field]
    assert unknown_settings() == []


def test_whatever_may_be_in_a_file_is_tested_here() -> None:
    assert {*FIELDS, "database_password", "redis_password"} == set(SECRETS)


def test_passwords_in_files_are_put_into_the_urls_without_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("ge/he@im\n")
    monkeypatch.setenv("MYI_DATABASE_URL", "postgresql://myi@host:5432/myi?sslmode=require")
    monkeypatch.setenv("MYI_DATABASE_PASSWORD_FILE", "secret")
    monkeypatch.setenv("MYI_REDIS_URL", "redis://host:6379/0")
    monkeypatch.setenv("MYI_REDIS_PASSWORD", "geheim")
    settings = load_settings()
    assert settings.database_url == "postgresql://myi:ge%2Fhe%40im@host:5432/myi?sslmode=require"
    assert settings.redis_url == "redis://:geheim@host:6379/0"
    assert (settings.database_password, settings.redis_password) == ("", "")


@pytest.mark.parametrize("url", [URL, "postgresql:///myi", ""])
def test_a_password_changes_no_url_that_has_one_or_names_no_host(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("MYI_DATABASE_URL", url)
    monkeypatch.setenv("MYI_DATABASE_PASSWORD", "other")
    assert load_settings().database_url == url


def test_a_secret_given_twice_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text(URL)
    monkeypatch.setenv("MYI_DATABASE_URL", URL)
    monkeypatch.setenv("MYI_DATABASE_URL_FILE", "secret")
    with pytest.raises(
        SettingsError, match=r"\AMYI_DATABASE_URL and MYI_DATABASE_URL_FILE are both set: keep one of them\Z"
    ):
        load_settings()


def test_in_the_environment_a_secret_and_its_file_win_over_the_env_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("from a file")
    (tmp_path / ".env").write_text("MYI_SPOTIFY_CLIENT_SECRET_FILE=missing\nMYI_NOTIFY_URLS=from .env\n")
    monkeypatch.setenv("MYI_SPOTIFY_CLIENT_SECRET", "from the environment")
    monkeypatch.setenv("MYI_NOTIFY_URLS_FILE", "secret")
    settings = load_settings()
    assert (settings.spotify_client_secret, settings.notify_urls) == ("from the environment", "from a file")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "there is no such file"),
        (b" \n", "it is empty"),
        (b"\xff\xfe", "it is not UTF-8 text"),
        (b"x" * 70_000, "it is larger than 65,536 bytes"),
    ],
)
def test_a_file_without_a_secret_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, reason: str
) -> None:
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    monkeypatch.setenv("MYI_ENCRYPTION_KEY_FILE", "secret")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    line = f'MYI_ENCRYPTION_KEY_FILE="{tmp_path}/secret": expected a file with the secret in it ({reason})'
    assert str(caught.value) == line


def test_a_pipe_or_a_device_is_not_read_as_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    for file in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        monkeypatch.setenv("MYI_ENCRYPTION_KEY_FILE", str(file))
        with pytest.raises(SettingsError, match="expected a file with the secret"):
            load_settings()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("geheim")
    (tmp_path / "secret").chmod(0)
    monkeypatch.setenv("MYI_ENCRYPTION_KEY_FILE", "secret")
    with pytest.raises(SettingsError, match=r"expected a file with the secret in it \(Permission denied\)"):
        load_settings()


def test_a_child_process_gets_the_secrets_and_reads_no_file_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("geheim")
    monkeypatch.setenv("MYI_DATABASE_URL", "postgresql://myi@host/myi")
    for field in ("DATABASE_PASSWORD", "ENCRYPTION_KEY"):
        monkeypatch.setenv(f"MYI_{field}_FILE", "secret")
    settings = load_settings()
    for name, value in settings.as_environment().items():
        monkeypatch.setenv(name, value)
    (tmp_path / "secret").unlink()
    assert load_settings() == settings
    assert {PREFIX + name.upper() + BY_FILE for name in SECRETS} <= set(settings.as_environment())
