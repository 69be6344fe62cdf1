"""Changing the key that encrypts the stored tokens. Which it is says ``runtime.token_keys``, and the cipher is in
``sources.spotify.token_cipher``."""

from __future__ import annotations

from pathlib import Path

from myi_pipelines.errors import FailedError
from myi_pipelines.runtime.token_keys import pending_key_file
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
