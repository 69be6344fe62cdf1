"""Tokens at rest and the key that protects them."""

import base64
import stat
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from myi_pipelines.sources.spotify.token_cipher import (
    DecryptionFailed,
    KeyNotUsable,
    TokenCipher,
    TokenKind,
    encode_key,
    load_or_create_key,
    new_key,
    write_key,
)

TOKEN = "AQC-a-refresh-token"


def test_a_token_decrypts_to_itself() -> None:
    cipher = TokenCipher(new_key())
    assert cipher.decrypt(cipher.encrypt(TOKEN, user_id=7), user_id=7) == TOKEN


def test_a_row_copied_to_another_user_does_not_decrypt() -> None:
    cipher = TokenCipher(new_key())
    with pytest.raises(DecryptionFailed, match="another user's"):
        cipher.decrypt(cipher.encrypt(TOKEN, user_id=7), user_id=8)


def test_an_access_token_does_not_decrypt_as_a_refresh_token() -> None:
    cipher = TokenCipher(new_key())
    with pytest.raises(DecryptionFailed):
        cipher.decrypt(cipher.encrypt(TOKEN, user_id=7, kind=TokenKind.ACCESS), user_id=7)


def test_a_changed_byte_anywhere_is_an_error() -> None:
    cipher = TokenCipher(new_key())
    blob = cipher.encrypt(TOKEN, user_id=7)
    for place in range(len(blob)):
        changed = bytearray(blob)
        changed[place] ^= 1
        with pytest.raises(DecryptionFailed):
            cipher.decrypt(bytes(changed), user_id=7)


@pytest.mark.parametrize("blob", [b"", b"\x01", b"\x01" * 20, b"\x02" * 80, TOKEN.encode()])
def test_bytes_that_are_not_a_ciphertext_are_an_error(blob: bytes) -> None:
    with pytest.raises(DecryptionFailed, match="myi login"):
        TokenCipher(new_key()).decrypt(blob, user_id=1)


def test_two_encryptions_of_a_token_differ() -> None:
    cipher = TokenCipher(new_key())
    first, second = (cipher.encrypt(TOKEN, user_id=7) for _ in range(2))
    assert first != second
    assert TOKEN.encode() not in first


def test_during_a_rotation_both_keys_decrypt_and_the_new_one_encrypts() -> None:
    old, new = new_key(), new_key()
    stored = TokenCipher(old).encrypt(TOKEN, user_id=7)
    rotating = TokenCipher(new, older=[old])
    assert rotating.decrypt(stored, user_id=7) == TOKEN
    assert not rotating.is_current(stored)
    renewed = rotating.encrypt(TOKEN, user_id=7)
    assert rotating.is_current(renewed)
    assert TokenCipher(new).decrypt(renewed, user_id=7) == TOKEN
    with pytest.raises(DecryptionFailed, match="another key"):
        TokenCipher(old).decrypt(renewed, user_id=7)


def test_a_cipher_does_not_show_its_key() -> None:
    key = new_key()
    assert encode_key(key) not in repr(TokenCipher(key))
    assert repr(key) not in repr(vars(TokenCipher(key)))


def test_a_key_is_created_once_and_private(tmp_path: Path) -> None:
    file = tmp_path / "home" / "encryption.key"
    key = load_or_create_key("", file)
    assert load_or_create_key("", file) == key
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["encryption.key"]


def test_processes_that_start_together_get_one_key(tmp_path: Path) -> None:
    file = tmp_path / "encryption.key"
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        keys = set(pool.map(load_or_create_key, [""] * 8, [file] * 8))
    assert len(keys) == 1


def test_the_setting_has_precedence_over_the_file(tmp_path: Path) -> None:
    key = new_key()
    file = tmp_path / "encryption.key"
    assert load_or_create_key(encode_key(key), file) == key
    assert load_or_create_key(base64.urlsafe_b64encode(key).decode(), file) == key
    assert not file.exists()


def test_a_key_file_that_others_may_read_is_made_private(tmp_path: Path) -> None:
    file = tmp_path / "encryption.key"
    load_or_create_key("", file)
    file.chmod(0o644)
    load_or_create_key("", file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_key_is_replaced_in_one_step(tmp_path: Path) -> None:
    file = tmp_path / "encryption.key"
    load_or_create_key("", file)
    key = new_key()
    write_key(file, key)
    assert load_or_create_key("", file) == key
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("setting", ["short", "!" * 44, encode_key(bytes(30)), "a" * 64])
def test_a_wrong_setting_is_one_line_that_does_not_show_it(setting: str, tmp_path: Path) -> None:
    with pytest.raises(KeyNotUsable, match=r"^MYI_ENCRYPTION_KEY: expected base64 of 32 bytes") as raised:
        load_or_create_key(setting, tmp_path / "key")
    assert setting not in str(raised.value)


def test_a_file_that_is_not_a_key_is_named(tmp_path: Path) -> None:
    file = tmp_path / "encryption.key"
    file.write_bytes(b"\xff\xfe not a key")
    with pytest.raises(KeyNotUsable, match=r"encryption\.key: expected base64"):
        load_or_create_key("", file)


def test_a_folder_in_place_of_the_key_is_a_one_line_error(tmp_path: Path) -> None:
    with pytest.raises(KeyNotUsable, match=r"must be readable there") as raised:
        load_or_create_key("", tmp_path)
    assert "\n" not in str(raised.value)
