"""The key that encrypts the stored tokens, and changing it. The cipher is in ``sources.spotify.token_cipher``."""

from __future__ import annotations

from pathlib import Path

from myi_pipelines.errors import FailedError
from myi_pipelines.settings import Settings
from myi_pipelines.sources.spotify.token_cipher import (
    DecryptionFailed,
    TokenCipher,
    TokenKind,
    load_or_create_key,
    read_key,
    write_key,
)
from myi_pipelines.warehouse import spotify_accounts
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.spotify_accounts import StoredTokens


class KeyNotChanged(FailedError):
    """The key and all stored tokens stay unchanged. The message says why."""


class TokenKeys:
    """The key in the settings, or else in the key file. Each use reads it again: another process may change it."""

    def __init__(self, setting: str, file: Path) -> None:
        self._setting = setting
        self._file = file

    @classmethod
    def of_settings(cls, settings: Settings) -> TokenKeys:
        """MYI_ENCRYPTION_KEY, or the file in MYI_HOME, which is created if missing."""
        return cls(settings.encryption_key, settings.key_file)

    @property
    def missing_file(self) -> Path | None:
        """The key file, if it is needed but missing."""
        return None if self._setting or self._file.exists() else self._file

    def cipher(self) -> TokenCipher:
        """The cipher with the current key. Use it within ``spotify_accounts.encryption_key_kept``. Raises KeyNotUsable.

        After an interrupted change of the key file, the new key is beside the old one, and either may be needed.
        """
        key = load_or_create_key(self._setting, self._file)
        pending = pending_key_file(self._file)
        older = [read_key(pending)] if not self._setting and pending.exists() else []
        return TokenCipher(key, older=older)


def undecryptable_tokens(conn: Connection, keys: TokenKeys) -> dict[int, str]:
    """The reason, by user id, why the current key cannot decrypt a refresh token.

    Creates no key. Raises KeyNotUsable.
    """
    with spotify_accounts.encryption_key_kept(conn):
        stored = spotify_accounts.all_stored_tokens(conn)
        if keys.missing_file is not None:
            reason = f"the encryption key is missing: restore {keys.missing_file}, or run `myi login`"
            return dict.fromkeys((tokens.user_id for tokens in stored), reason)
        cipher = keys.cipher()
        return {tokens.user_id: reason for tokens in stored if (reason := _decryption_error(cipher, tokens))}


def _decryption_error(cipher: TokenCipher, tokens: StoredTokens) -> str:
    try:
        cipher.decrypt(tokens.refresh_token, user_id=tokens.user_id)
    except DecryptionFailed as error:
        return str(error)
    return ""


def pending_key_file(file: Path) -> Path:
    """The file of the new key, until every token is encrypted with it."""
    return file.with_name(f"{file.name}.new")


def replace_key_file(conn: Connection, file: Path) -> int:
    """Encrypt every stored token with a new key and replace the key file by it. Returns the number of accounts.

    The new key is on the disk before the first token is encrypted with it. The tokens change in one transaction, and
    the old key is removed only after that. If the process dies at any point, both keys that may be needed exist, and
    running this again finishes the change. Raises KeyNotChanged or KeyNotUsable.
    """
    pending = pending_key_file(file)
    with spotify_accounts.changing_encryption_key(conn):
        old = load_or_create_key("", file)
        new = load_or_create_key("", pending)
        changed = _reencrypt_all(conn, TokenCipher(new, older=[old]))
        write_key(file, new)
        pending.unlink()
    return changed


def switch_to_configured_key(conn: Connection, setting: str, old_file: Path) -> int:
    """Encrypt every stored token with the key of the settings in place of the one in ``old_file``. Returns how many.

    Uses one transaction. Running it again changes nothing. Raises KeyNotChanged or KeyNotUsable.
    """
    with spotify_accounts.changing_encryption_key(conn):
        cipher = TokenCipher(load_or_create_key(setting, old_file), older=[read_key(old_file)])
        return _reencrypt_all(conn, cipher)


def _reencrypt_all(conn: Connection, cipher: TokenCipher) -> int:
    with conn.transaction():
        stored = spotify_accounts.all_stored_tokens(conn)
        for tokens in stored:
            spotify_accounts.replace_tokens(conn, _reencrypted(tokens, cipher))
    return len(stored)


def _reencrypted(tokens: StoredTokens, cipher: TokenCipher) -> StoredTokens:
    def reencrypt(stored: bytes, kind: TokenKind) -> bytes:
        plain = cipher.decrypt(stored, user_id=tokens.user_id, kind=kind)
        return cipher.encrypt(plain, user_id=tokens.user_id, kind=kind)

    try:
        return tokens._replace(
            refresh_token=reencrypt(tokens.refresh_token, TokenKind.REFRESH),
            access_token=tokens.access_token and reencrypt(tokens.access_token, TokenKind.ACCESS),
        )
    except DecryptionFailed as error:
        raise KeyNotChanged(
            f"the key was not changed: {error}; `myi logout {tokens.name}` gives up what cannot be read"
        ) from None
