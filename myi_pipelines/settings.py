"""What a user can set: environment variables MYI_* (a file ``.env`` is read too, and the files that MYI_…_FILE name),
checked once at the start. Starts nothing and connects to nothing."""

import difflib
import os
import re
import stat
from contextlib import suppress
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator, Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from myi_pipelines.errors import ConfigurationError
from myi_pipelines.package_files import package_path

PREFIX = "MYI_"
ENV_FILE = ".env"
PROJECT = Path(__file__).resolve().parent.parent

MUSICBRAINZ = "musicbrainz.org"
"""Where one call a second is allowed."""

LOOPBACK = ("127.0.0.1", "::1")
"""Hosts to which Spotify redirects without https. It refuses the name localhost."""

SECRETS = (
    "database_url",
    "database_password",
    "reader_database_url",
    "keeper_database_url",
    "dagster_database_url",
    "redis_url",
    "redis_password",
    "web_password",
    "spotify_client_secret",
    "encryption_key",
    "notify_urls",
)
"""Settings that hold secrets: each may be given by file, as Docker and Kubernetes mount secrets."""
BY_FILE = "_FILE"
"""What the name of a variable ends with that names such a file."""
LARGEST_SECRET = 65_536
"""Bytes."""

_PASSWORDS = {"database_password": "database_url", "redis_password": "redis_url"}
_HOST_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_CONTACT = re.compile(r"[!-'*-~]+@[!-'*-~]+\.[!-'*-~]+|https?://[!-'*-~]+")
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]+")
_HIDDEN = "PASSWORD", "SECRET", "TOKEN", "KEY", "URL"


class SettingsError(ConfigurationError):
    """A setting is wrong; the message names it, its value and what was expected."""


def _absolute(path: Path) -> Path:
    """Relative folders are meant from the folder that the command runs in, also in the processes that it starts."""
    return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - keeps symbolic links


Folder = Annotated[Path, AfterValidator(_absolute)]
Port = Annotated[int, Field(ge=1, le=65_535)]


class _WithSecretFiles(PydanticBaseSettingsSource):
    """The environment, or ``.env``, and the secrets of which it names a file. Raises SettingsError."""

    def __init__(self, settings_cls: type[BaseSettings], variables: EnvSettingsSource) -> None:
        super().__init__(settings_cls)
        self._variables = variables

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return self._variables.get_field_value(field, field_name)

    def __call__(self) -> dict[str, Any]:
        found = self._variables()
        for field in SECRETS:
            name = PREFIX + field.upper()
            file = self._variables.env_vars.get((name + BY_FILE).lower())
            if not file or self.current_state.get(field):
                continue
            if found.get(field):
                raise SettingsError(f"{name} and {name}{BY_FILE} are both set: keep one of them")
            found[field] = _secret_in(name + BY_FILE, _absolute(Path(file)))
        return found


def _secret_in(name: str, file: Path) -> str:
    """What a file holds, without the white space around it."""
    try:
        if not file.is_file():
            raise FileNotFoundError(0, "there is no such file")
        with file.open("rb") as content:
            secret = content.read(LARGEST_SECRET + 1)
        if len(secret) > LARGEST_SECRET:
            raise OSError(0, f"it is larger than {LARGEST_SECRET:,} bytes")
        if text := secret.decode().strip():
            return text
        reason = "it is empty"
    except OSError as error:
        reason = error.strerror or str(error)
    except UnicodeDecodeError:
        reason = "it is not UTF-8 text"
    raise SettingsError(f'{name}="{file}": expected a file with the secret in it ({reason})')


class Settings(BaseSettings):
    """Every setting with its default. ``.env.example`` explains them to users."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=ENV_FILE, env_ignore_empty=True, extra="ignore", frozen=True
    )

    home: Folder = Path(".myi")
    uploads: Folder = Path("uploads")
    database_url: str = ""
    database_password: str = ""
    reader_database_url: str = ""
    keeper_database_url: str = ""
    dagster_database_url: str = ""
    redis_url: str = ""
    redis_password: str = ""
    dagster_yaml: Folder = package_path("dagster.yaml")
    port: Port = 3000
    web_port: Port = 3001
    web_host: str = "127.0.0.1"
    web_password: str = ""
    web_processes: Annotated[int, Field(ge=1, le=64)] = 1
    public_hosts: str = ""
    trusted_proxies: str = ""
    trusted_proxy_header: str = ""
    min_play_ms: Annotated[int, Field(ge=0, le=86_400_000)] = 5_000
    spotify_client_id: str = ""
    spotify_client_secret: str = ""
    spotify_redirect_uri: str = "http://127.0.0.1:3001/auth/callback"
    spotify_accounts_url: str = "https://accounts.spotify.com"
    spotify_api_url: str = "https://api.spotify.com"
    encryption_key: str = ""
    calls_per_minute: Annotated[int, Field(ge=1)] = 150
    calls_per_day: Annotated[int, Field(ge=1)] = 600
    poll_minutes: Annotated[int, Field(ge=1, le=59)] = 5
    cover_images: Annotated[int, Field(ge=0, le=100_000)] = 2_000
    musicbrainz_contact: str = ""
    musicbrainz_url: str = "https://musicbrainz.org"
    musicbrainz_calls_per_second: Annotated[int, Field(ge=1, le=100)] = 1
    retention_months: Annotated[int, Field(ge=0)] = 0
    archive_url: str = ""
    notify_urls: str = ""
    zip_max_members: Annotated[int, Field(ge=1)] = 2_000
    zip_max_ratio: Annotated[int, Field(ge=1)] = 200
    zip_max_bytes: Annotated[int, Field(ge=1)] = 8 * 1024**3

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What a file says of a secret comes from where the file is named: the environment wins over ``.env``."""
        assert isinstance(env_settings, EnvSettingsSource)
        assert isinstance(dotenv_settings, EnvSettingsSource)
        return init_settings, *(_WithSecretFiles(settings_cls, each) for each in (env_settings, dotenv_settings))

    @model_validator(mode="before")
    @classmethod
    def _passwords_belong_to_urls(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Put the passwords that are set by themselves into the URLs without one: nothing else knows of them."""
        for password, url in _PASSWORDS.items():
            if given := values.pop(password, ""):
                values[url] = _with_password(str(values.get(url) or ""), given)
        return values

    @field_validator("home")
    @classmethod
    def _not_a_file(cls, path: Path) -> Path:
        with suppress(OSError):  # Whoever needs it says what is wrong with it.
            if not stat.S_ISDIR(path.stat().st_mode):
                raise ValueError("a folder, or a path at which one can be made: this is a file")
        return path

    @field_validator("database_url", "reader_database_url", "keeper_database_url", "dagster_database_url")
    @classmethod
    def _postgres_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme not in ("postgresql", "postgres") or not (parts.path.strip("/") or parts.query)):
            raise ValueError("a PostgreSQL URL like postgresql://user:password@host:5432/database")
        return url

    @field_validator("redis_url")
    @classmethod
    def _redis_url(cls, url: str) -> str:
        if url and urlsplit(url).scheme not in ("redis", "rediss", "unix"):
            raise ValueError("a Redis URL like redis://:password@host:6379/0")
        return url

    @field_validator("spotify_redirect_uri")
    @classmethod
    def _redirect_uri(cls, uri: str) -> str:
        """Spotify sends a login's answer to https, or to an address of the same machine, and refuses all others."""
        parts = urlsplit(uri)
        if parts.scheme == "https" and parts.hostname and parts.hostname != "localhost":
            return uri.rstrip("/")
        if parts.scheme == "http" and parts.hostname in LOOPBACK:
            return uri.rstrip("/")
        instead = "127.0.0.1 in place of localhost" if parts.hostname == "localhost" else "https"
        raise ValueError(
            f"{instead}, for Spotify accepts https://… and, without https, only http://127.0.0.1:PORT/… and "
            "http://[::1]:PORT/…; the same URI must be in the app's settings at Spotify"
        )

    @field_validator("public_hosts")
    @classmethod
    def _host_names(cls, hosts: str) -> str:
        if any(not _HOST_NAME.fullmatch(host) for host in _separated(hosts)):
            raise ValueError("names without scheme and port, like myi.example.com, separated by spaces or commas")
        return hosts

    @field_validator("web_host")
    @classmethod
    def _address(cls, host: str) -> str:
        try:
            return str(ip_address(host))
        except ValueError:
            raise ValueError("an IP address to listen at, like 127.0.0.1 or 0.0.0.0") from None

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, proxies: str) -> str:
        try:
            for one in _separated(proxies):
                ip_network(one)
        except ValueError:
            raise ValueError(
                "IP addresses or networks, like 10.0.0.2 or 10.0.0.0/24, separated by spaces or commas"
            ) from None
        return proxies

    @field_validator("trusted_proxy_header")
    @classmethod
    def _header_name(cls, name: str) -> str:
        if name and not _HEADER_NAME.fullmatch(name):
            raise ValueError("the name of a header, like X-Remote-User")
        return name

    @field_validator("spotify_accounts_url", "spotify_api_url", "musicbrainz_url")
    @classmethod
    def _web_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("a URL like https://api.spotify.com")
        return url.rstrip("/")

    @field_validator("musicbrainz_contact")
    @classmethod
    def _contact(cls, contact: str) -> str:
        if contact and not _CONTACT.fullmatch(contact):
            raise ValueError("an e-mail address or a URL, like me@example.com")
        return contact

    @field_validator("musicbrainz_calls_per_second")
    @classmethod
    def _not_faster_than_allowed(cls, calls: int, info: ValidationInfo) -> int:
        host = urlsplit(info.data.get("musicbrainz_url", "")).hostname or ""
        if calls > 1 and (host == MUSICBRAINZ or host.endswith(f".{MUSICBRAINZ}")):
            raise ValueError("1, for musicbrainz.org allows no more; a mirror of your own may take more")
        return calls

    @cached_property
    def key_file(self) -> Path:
        """Where the generated encryption key lies, unless MYI_ENCRYPTION_KEY is set."""
        return self.home / "encryption.key"

    @cached_property
    def dagster_home(self) -> Path:
        """Dagster's own folder: its configuration, compute logs and stored values."""
        return self.home / "dagster"

    @cached_property
    def logs(self) -> Path:
        """Where the processes that ``myi up`` starts write."""
        return self.home / "logs"

    @cached_property
    def public_host_names(self) -> frozenset[str]:
        """The names under which browsers reach MYI, besides those of the loopback addresses."""
        return frozenset(_separated(self.public_hosts.lower()))

    @cached_property
    def web_host_names(self) -> frozenset[str]:
        """The names under which browsers reach the web server, besides those of the loopback addresses."""
        address = ip_address(self.web_host)
        return self.public_host_names | (frozenset() if address.is_unspecified else {self.web_host})

    @cached_property
    def trusted_proxy_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Where the proxies are that may say who asks, and how."""
        return tuple(ip_network(one) for one in _separated(self.trusted_proxies))

    @property
    def is_web_local(self) -> bool:
        """Whether the web server listens for this machine only."""
        return ip_address(self.web_host).is_loopback

    @property
    def web_url(self) -> str:
        """Where the web server is reached from this machine."""
        address = ip_address(self.web_host)
        host = "127.0.0.1" if address.is_unspecified else f"[{address}]" if address.version == 6 else str(address)
        return f"http://{host}:{self.web_port}"

    @property
    def ui_url(self) -> str:
        """Where Dagster's UI is served."""
        return f"http://127.0.0.1:{self.port}"

    def as_environment(self) -> dict[str, str]:
        """Every setting spelled out, for a process that is to have the same ones: none is read from a file again."""
        spelled = {PREFIX + name.upper(): str(value) for name, value in self.model_dump().items()}
        return spelled | {PREFIX + name.upper() + BY_FILE: "" for name in SECRETS}


def load_settings(**overrides: Any) -> Settings:
    """Read the settings; raises SettingsError with one line that names every wrong one. ``overrides`` win."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingsError("; ".join(_explain(one) for one in error.errors())) from None
    except UnicodeDecodeError:
        raise SettingsError(f"{ENV_FILE}: not a UTF-8 text file") from None


def tick_minutes() -> int:
    """Minutes from one poll tick to the next, for the definitions, which load whatever the settings are: what is wrong
    with them is said by whatever uses them."""
    try:
        return load_settings().poll_minutes
    except SettingsError:
        return int(Settings.model_fields["poll_minutes"].default)


def names_app() -> bool:
    """Whether a Spotify app is set, for the definitions, as ``tick_minutes``."""
    try:
        return bool(load_settings().spotify_client_id)
    except SettingsError:
        return False


def _with_password(url: str, password: str) -> str:
    """The URL with a password, unless it has one or names no host."""
    scheme, _, rest = url.partition("://")
    place = re.split("[/?#]", rest, maxsplit=1)[0]
    login, _, hosts = place.rpartition("@")
    if not hosts or ":" in login:
        return url
    return f"{scheme}://{login}:{quote(password, safe='')}@{hosts}{rest[len(place) :]}"


def _separated(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _explain(error: ErrorDetails) -> str:
    name = PREFIX + "_".join(str(part) for part in error["loc"]).upper()
    value = "…" if any(word in name for word in _HIDDEN) else error["input"]
    return f'{name}="{value}": expected {_expectation(error)}'


def _expectation(error: ErrorDetails) -> str:
    field = Settings.model_fields.get(str(error["loc"][0])) if error["loc"] else None
    if field is not None and field.annotation is int and error["type"] != "value_error":
        limits = {kind: getattr(rule, kind) for rule in field.metadata for kind in ("ge", "le") if hasattr(rule, kind)}
        if len(limits) == 2:
            return f"a whole number from {limits['ge']} to {limits['le']}"
        return f"a whole number of {limits['ge']} or more"
    return error["msg"].removeprefix("Value error, ")


def unknown_settings() -> list[str]:
    """A line for every MYI_* variable that means nothing, with the name it may have been meant to be."""
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    known += [PREFIX + name.upper() + BY_FILE for name in SECRETS]
    lines = []
    for name in sorted({*os.environ, *_env_file_names()}):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            near = difflib.get_close_matches(name.upper(), known, n=1)
            lines.append(f"{name} is not a setting of MYI" + (f"; did you mean {near[0]}?" if near else ""))
    return lines


def _env_file_names() -> set[str]:
    from dotenv import dotenv_values

    try:
        return set(dotenv_values(ENV_FILE))
    except (OSError, UnicodeDecodeError):
        return set()
