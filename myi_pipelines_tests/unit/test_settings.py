from pathlib import Path

import pytest

from myi_pipelines.settings import SettingsError, load_settings, unknown_settings


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
        ("MYI_ZIP_MAX_RATIO", "0", 'MYI_ZIP_MAX_RATIO="0": expected a whole number of 1 or more'),
        ("MYI_REDIS_URL", "localhost", 'MYI_REDIS_URL="…": expected a Redis URL like redis://:password@host:6379/0'),
    ],
)
def test_a_wrong_value_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch, name: str, value: str, line: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value) == line


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
