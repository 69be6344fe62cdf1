"""Encryption of stored tokens, and its key from a setting or a generated file. Knows no table: the caller stores the
ciphertext, which is bound to a user and a kind of token."""

import base64
import binascii
import hashlib
import os
import secrets
import struct
from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from myi_pipelines.errors import ConfigurationError, DamagedError

KEY_BYTES = 32

_VERSION = 1
_NONCE_BYTES = 12
_HEADER = struct.Struct(">B4s")  # version, key id
_SMALLEST = _HEADER.size + _NONCE_BYTES + 16


class DecryptionFailed(DamagedError):
    """A stored token was not encrypted by this key for this user and kind, or was changed later."""


class KeyNotUsable(ConfigurationError):
    """The key is invalid, or its file cannot be read, written or kept private. The message says what to do."""


class TokenKind(StrEnum):
    """What a token is for. The ciphertext of one kind does not decrypt as another kind."""

    REFRESH = "refresh token"
    ACCESS = "access token"


class TokenCipher:
    """AES-256-GCM with a random nonce, bound to a user and a kind of token.

    ``key`` encrypts. ``key`` and ``older`` decrypt, which a rotation of the key needs.
    """

    def __init__(self, key: bytes, *, older: Sequence[bytes] = ()) -> None:
        self._key_id = key_id(key)
        self._keys = {key_id(each): AESGCM(_checked(each)) for each in (*older, key)}

    def __repr__(self) -> str:
        return f"TokenCipher(key {self._key_id.hex()})"

    def encrypt(self, plain: str, *, user_id: int, kind: TokenKind = TokenKind.REFRESH) -> bytes:
        """Version, key id, nonce and ciphertext, for a ``bytea`` column."""
        header = _HEADER.pack(_VERSION, self._key_id)
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._keys[self._key_id].encrypt(nonce, plain.encode(), _bound_to(header, user_id, kind))
        return header + nonce + sealed

    def decrypt(self, blob: bytes, *, user_id: int, kind: TokenKind = TokenKind.REFRESH) -> str:
        """The token. Raises DecryptionFailed."""
        header, nonce, sealed = _parts(blob)
        cipher = self._keys.get(_key_id_of(header))
        if cipher is None:
            raise DecryptionFailed(
                f"the {kind} of user {user_id} was encrypted with another key: restore that key, or run `myi login`"
            )
        with suppress(InvalidTag, UnicodeDecodeError):
            return cipher.decrypt(nonce, sealed, _bound_to(header, user_id, kind)).decode()
        raise DecryptionFailed(f"the {kind} of user {user_id} was changed or is another user's: run `myi login`")

    def is_current(self, blob: bytes) -> bool:
        """Whether ``blob`` was encrypted with the key that encrypts now."""
        return _key_id_of(_parts(blob)[0]) == self._key_id


def key_id(key: bytes) -> bytes:
    """Four bytes that identify a key and reveal nothing about it."""
    return hashlib.sha256(b"myi key id" + key).digest()[:4]


def _checked(key: bytes) -> bytes:
    if len(key) != KEY_BYTES:
        raise KeyNotUsable(f"an encryption key has {KEY_BYTES} bytes, not {len(key)}")
    return key


def _parts(blob: bytes) -> tuple[bytes, bytes, bytes]:
    if len(blob) < _SMALLEST or blob[0] != _VERSION:
        raise DecryptionFailed("this is no token that MYI encrypted: run `myi login`")
    body = blob[_HEADER.size :]
    return blob[: _HEADER.size], body[:_NONCE_BYTES], body[_NONCE_BYTES:]


def _key_id_of(header: bytes) -> bytes:
    return header[1:]


def _bound_to(header: bytes, user_id: int, kind: TokenKind) -> bytes:
    return header + f"myi:{kind}:{user_id}".encode()


# The key


def new_key() -> bytes:
    """A random key."""
    return secrets.token_bytes(KEY_BYTES)


def encode_key(key: bytes) -> str:
    """The key as text for a setting or a file."""
    return base64.b64encode(key).decode()


def load_or_create_key(setting: str, file: Path) -> bytes:
    """The key in MYI_ENCRYPTION_KEY, or else in ``file``, which is created (mode 0600) if missing. Raises KeyNotUsable.

    Processes that start together get the same key: the file appears complete or not at all, and only once.
    """
    if setting.strip():
        return _decoded(setting, "MYI_ENCRYPTION_KEY")
    try:
        if not file.exists():
            _create(file)
        return read_key(file)
    except OSError as error:
        raise KeyNotUsable(f"{file}: {error.strerror or error}; the encryption key must be readable there") from None


def read_key(file: Path) -> bytes:
    """The key in ``file``. Makes the file private if it is not. Raises KeyNotUsable or OSError."""
    if file.stat().st_mode & 0o077:
        file.chmod(0o600)
    return _decoded(file.read_text("ascii", errors="replace"), str(file))


def write_key(file: Path, key: bytes) -> None:
    """Replace ``file`` by one with ``key`` in one step (mode 0600). The file is on the disk when this returns."""
    unfinished = _write_beside(file, key)
    unfinished.replace(file)
    _sync_folder(file.parent)


def _create(file: Path) -> None:
    """Create ``file`` with a new key. If another process has created it first, keep that key."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = _write_beside(file, new_key())
    try:
        with suppress(FileExistsError):
            file.hardlink_to(unfinished)
    finally:
        unfinished.unlink()
    _sync_folder(file.parent)


def _write_beside(file: Path, key: bytes) -> Path:
    unfinished = file.with_name(f"{file.name}.{secrets.token_hex(6)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(encode_key(_checked(key)) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    return unfinished


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _decoded(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text.strip().translate(str.maketrans("-_", "+/")), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise KeyNotUsable(f"{where}: expected base64 of {KEY_BYTES} bytes; `openssl rand -base64 32` makes one")
    return key
