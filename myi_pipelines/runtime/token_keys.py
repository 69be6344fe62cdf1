"""The key that encrypts the stored tokens: where the settings say it is, and which tokens it does not open. The cipher
is in ``sources.spotify.token_cipher``; ``ingest.spotify.encryption_key`` changes the key."""

from __future__ import annotations

from pathlib import Path

from myi_pipelines.settings import Settings
from myi_pipelines.sources.spotify.token_cipher import DecryptionFailed, TokenCipher, load_or_create_key, read_key
from myi_pipelines.warehouse import spotify_accounts
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.spotify_accounts import StoredTokens


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
