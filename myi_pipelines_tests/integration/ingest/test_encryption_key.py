"""Changing the key: it changes every stored token or none, and no token can be lost at any time."""

from __future__ import annotations

import base64
import os
import random
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from myi_pipelines.ingest.spotify.encryption_key import (
    KeyNotChanged,
    replace_key_file,
    switch_to_configured_key,
)
from myi_pipelines.runtime.token_keys import TokenKeys, pending_key_file
from myi_pipelines.sources.spotify.token_cipher import DecryptionFailed, KeyNotUsable, TokenCipher, read_key
from myi_pipelines.warehouse import spotify_accounts
from myi_pipelines_tests.support.account_fixtures import Harness, environment, open_harness, process

pytestmark = pytest.mark.slow

KILLS = 6


@pytest.fixture
def harness(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Harness]:
    with open_harness(database_url, redis_url, tmp_path, listeners=3) as opened:
        yield opened


@pytest.fixture
def plain(harness: Harness) -> dict[int, str]:
    """Three linked accounts and their refresh tokens."""
    linked = [harness.login(one.name).user_id for one in harness.control.users()]
    return {user_id: harness.refresh_token(user_id) for user_id in linked}


def opened_by(harness: Harness, cipher: TokenCipher) -> dict[int, str]:
    return {one.user_id: cipher.decrypt(one.refresh_token, user_id=one.user_id) for one in stored(harness)}


def stored(harness: Harness) -> list[spotify_accounts.StoredTokens]:
    return spotify_accounts.all_stored_tokens(harness.conn)


def test_only_the_owner_may_read_the_key_file(harness: Harness, plain: dict[int, str]) -> None:
    assert harness.key_file.stat().st_mode & 0o777 == 0o600
    before = harness.key_file.read_text()
    assert replace_key_file(harness.conn, harness.key_file) == len(plain)
    assert harness.key_file.stat().st_mode & 0o777 == 0o600
    assert harness.key_file.read_text() != before
    assert [path.name for path in harness.key_file.parent.glob("*key*")] == [harness.key_file.name]


def test_the_old_key_decrypts_nothing_after_the_change(harness: Harness, plain: dict[int, str]) -> None:
    old = TokenCipher(read_key(harness.key_file))
    replace_key_file(harness.conn, harness.key_file)
    with pytest.raises(DecryptionFailed):
        opened_by(harness, old)
    assert opened_by(harness, harness.keys.cipher()) == plain
    harness.control.clear_requests()
    for user_id in plain:
        assert harness.tokens().of(user_id)
    assert harness.refreshes() == [], "access tokens have the new key too"


def test_a_change_interrupted_before_the_commit_is_finished_by_the_next(
    harness: Harness, plain: dict[int, str]
) -> None:
    TokenKeys("", pending_key_file(harness.key_file)).cipher()
    assert {user_id: harness.refresh_token(user_id) for user_id in plain} == plain
    replace_key_file(harness.conn, harness.key_file)
    assert not pending_key_file(harness.key_file).exists()
    assert opened_by(harness, TokenCipher(read_key(harness.key_file))) == plain


def test_a_change_interrupted_after_the_commit_is_finished_by_the_next(harness: Harness, plain: dict[int, str]) -> None:
    kept = harness.key_file.with_name("kept")
    shutil.copy(harness.key_file, kept)
    replace_key_file(harness.conn, harness.key_file)
    harness.key_file.rename(pending_key_file(harness.key_file))
    kept.rename(harness.key_file)
    assert {user_id: harness.refresh_token(user_id) for user_id in plain} == plain
    [first, *_] = plain
    renewed = harness.tokens().renew(first, harness.tokens().of(first))
    assert harness.tokens().of(first) == renewed
    replace_key_file(harness.conn, harness.key_file)
    assert not pending_key_file(harness.key_file).exists()
    assert opened_by(harness, TokenCipher(read_key(harness.key_file))) == plain
    assert harness.tokens().of(first) == renewed


@pytest.mark.thorough
def test_killing_the_process_at_any_time_loses_no_token(
    harness: Harness, plain: dict[int, str], redis_url: str
) -> None:
    chance = random.Random(7)
    keys = set()
    for _ in range(KILLS):
        with process("rotate", env=environment(harness, redis_url)) as killable:
            assert killable.stdin is not None
            killable.stdin.write("go\n")
            killable.stdin.flush()
            time.sleep(chance.uniform(0.02, 0.3))
            killable.kill()
            killable.wait()
        keys.add(harness.key_file.read_text())
        assert {user_id: harness.refresh_token(user_id) for user_id in plain} == plain
    replace_key_file(harness.conn, harness.key_file)
    assert opened_by(harness, TokenCipher(read_key(harness.key_file))) == plain
    assert len(keys) > 1, "every process was killed before it did anything"


def test_tokens_that_are_refreshed_during_the_change_are_not_lost(
    harness: Harness, plain: dict[int, str], redis_url: str
) -> None:
    harness.control.fault("rotate_refresh_token", times=None)

    def renew_often(user_id: int) -> None:
        tokens = harness.tokens()
        for _ in range(10):
            tokens.renew(user_id, tokens.of(user_id))

    with process("rotate", env=environment(harness, redis_url)) as rotating:
        assert rotating.stdin is not None
        rotating.stdin.write("go\n")
        rotating.stdin.flush()
        with ThreadPoolExecutor(len(plain)) as pool:
            list(pool.map(renew_often, plain))
        assert rotating.poll() is None
    replace_key_file(harness.conn, harness.key_file)
    assert len(opened_by(harness, TokenCipher(read_key(harness.key_file)))) == len(plain)
    for user_id in plain:
        assert harness.tokens().renew(user_id, harness.tokens().of(user_id))
        assert harness.account(user_id).is_valid


def test_an_undecryptable_token_leaves_everything_unchanged(harness: Harness, plain: dict[int, str]) -> None:
    [broken, *_] = sorted(plain, reverse=True)
    harness.conn.execute(
        r"UPDATE spotify_auth SET refresh_token_encrypted = '\x00', access_token_encrypted = NULL,"
        r" access_token_expires_at = NULL WHERE user_id = %s",
        [broken],
    )
    before, key = stored(harness), harness.key_file.read_text()
    name = harness.account(broken).name
    with pytest.raises(KeyNotChanged, match=f"`myi logout {name}` gives up"):
        replace_key_file(harness.conn, harness.key_file)
    assert (stored(harness), harness.key_file.read_text()) == (before, key)
    spotify_accounts.unlink(harness.conn, broken)
    assert replace_key_file(harness.conn, harness.key_file) == len(plain) - 1


def test_a_key_in_the_settings_replaces_a_file_and_another_setting(
    harness: Harness, plain: dict[int, str], tmp_path: Path
) -> None:
    first, second = (base64.b64encode(os.urandom(32)).decode() for _ in range(2))
    assert switch_to_configured_key(harness.conn, first, harness.key_file) == len(plain)
    assert opened_by(harness, TokenKeys(first, harness.key_file).cipher()) == plain
    old = tmp_path / "old.key"
    old.write_text(first)
    for _ in range(2):
        assert switch_to_configured_key(harness.conn, second, old) == len(plain)
    assert opened_by(harness, TokenKeys(second, harness.key_file).cipher()) == plain
    with pytest.raises(KeyNotChanged):
        switch_to_configured_key(harness.conn, first, harness.key_file)


def test_an_invalid_key_is_a_one_line_error(harness: Harness) -> None:
    with pytest.raises(KeyNotUsable, match=r"^MYI_ENCRYPTION_KEY: "):
        TokenKeys("secret", harness.key_file).cipher()
