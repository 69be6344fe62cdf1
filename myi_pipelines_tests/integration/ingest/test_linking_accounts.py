"""Which user has which account: linking, logging out, and when an authorization ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from myi_pipelines.warehouse import spotify_accounts
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.spotify_accounts import Authorization, LinkedUser, LinkRefused, RefreshedTokens
from myi_pipelines.warehouse.users import InvalidUserName, ensure_user

NOW = datetime(2026, 8, 31, 12, tzinfo=UTC)


def link(
    conn: Connection,
    name: str | None = None,
    *,
    spotify_id: str = "anna-id",
    account_id: str | None = "anna-account",
    display_name: str | None = "Anna",
) -> LinkedUser:
    """Do what a login does in the database."""
    user = spotify_accounts.link_account(
        conn, name=name, spotify_id=spotify_id, account_id=account_id, display_name=display_name
    )
    authorization = Authorization(b"r", b"a", NOW, scopes=["user-top-read"])
    spotify_accounts.save_authorization(conn, user.user_id, authorization, NOW)
    return user


def identities(conn: Connection) -> dict[str, tuple[str | None, str | None]]:
    rows = conn.execute("SELECT name, spotify_id, spotify_account_id FROM users")
    return {name: (spotify_id, account_id) for name, spotify_id, account_id in rows}


def test_a_new_account_creates_a_user_with_the_name_on_spotify(conn: Connection) -> None:
    assert link(conn).name == "Anna"
    assert identities(conn) == {"Anna": ("anna-id", "anna-account")}
    [account] = spotify_accounts.list_accounts(conn)
    assert (account.name, account.is_valid, account.scopes) == ("Anna", True, ["user-top-read"])


@pytest.mark.parametrize(
    ("display_name", "name"),
    [
        ("  A/C\\D\x07C  ", "A C D C"),
        ("...dots", "dots"),
        ("x" * 80, "x" * 64),
        ("Müller 🎧", "Müller 🎧"),
        ("\u2028", "anna-id"),
        ("", "anna-id"),
        (None, "anna-id"),
    ],
)
def test_any_display_name_becomes_a_name_that_a_folder_can_have(
    conn: Connection, display_name: str | None, name: str
) -> None:
    assert link(conn, display_name=display_name).name == name


def test_a_new_account_is_not_linked_to_an_existing_user_of_its_name(conn: Connection) -> None:
    ensure_user(conn, "anna")
    with pytest.raises(LinkRefused, match="`myi login --user anna`"):
        link(conn)
    assert identities(conn) == {"anna": (None, None)}


def test_a_second_account_of_one_name_must_choose_another_name(conn: Connection) -> None:
    link(conn)
    with pytest.raises(LinkRefused, match="listener 'Anna' already: `myi login --user NAME` with another name"):
        link(conn, spotify_id="other", account_id="other")


def test_an_existing_user_keeps_history_and_settings(conn: Connection) -> None:
    user_id = ensure_user(conn, "anna", "Europe/Berlin")
    conn.execute("UPDATE users SET total_play_count = 12")
    assert link(conn, "anna") == LinkedUser(user_id, "anna")
    assert conn.execute(
        "SELECT total_play_count, timezone FROM users JOIN user_settings ON user_id = id"
    ).fetchall() == [(12, "Europe/Berlin")]


def test_a_login_can_create_a_user_by_name(conn: Connection) -> None:
    assert link(conn, "bob").name == "bob"
    with pytest.raises(InvalidUserName):
        link(conn, "../bob", spotify_id="other", account_id="other")


def test_an_account_whose_id_changed_is_found_by_its_account_id(conn: Connection) -> None:
    user = link(conn)
    assert link(conn, spotify_id="new-id", display_name="Renamed") == user
    assert identities(conn) == {"Anna": ("new-id", "anna-account")}


def test_an_account_without_account_id_is_found_by_its_id(conn: Connection) -> None:
    user = link(conn, account_id=None)
    assert link(conn) == user
    assert identities(conn) == {"Anna": ("anna-id", "anna-account")}
    assert link(conn, account_id=None) == user
    assert identities(conn) == {"Anna": ("anna-id", "anna-account")}


def test_an_id_moves_to_the_account_to_which_spotify_gave_it(conn: Connection) -> None:
    link(conn)
    other = link(conn, account_id="bob-account", display_name="Bob")
    assert other.name == "Bob"
    assert identities(conn) == {"Anna": (None, "anna-account"), "Bob": ("anna-id", "bob-account")}


def test_two_accounts_are_never_mixed(conn: Connection) -> None:
    link(conn, "anna")
    link(conn, "bob", spotify_id="bob-id", account_id="bob-account")
    before = identities(conn)
    with pytest.raises(LinkRefused, match="linked to 'anna'; run `myi logout anna`"):
        link(conn, "bob")
    with pytest.raises(LinkRefused, match="'anna' is linked to another Spotify account"):
        link(conn, "anna", spotify_id="third", account_id="third")
    with pytest.raises(LinkRefused):
        link(conn, "carl")
    assert identities(conn) == before


def test_a_logout_deletes_tokens_and_keeps_the_account_of_the_user(conn: Connection) -> None:
    user = link(conn, "anna")
    assert spotify_accounts.unlink(conn, user.user_id)
    assert not spotify_accounts.unlink(conn, user.user_id)
    assert spotify_accounts.list_accounts(conn) == []
    assert conn.execute("SELECT count(*) FROM spotify_auth").fetchone() == (0,)
    assert link(conn) == user


def test_after_a_logout_an_account_can_be_moved_by_name(conn: Connection) -> None:
    wrong = link(conn)
    ensure_user(conn, "anna's imports")
    spotify_accounts.unlink(conn, wrong.user_id)
    link(conn, "anna's imports")
    assert identities(conn) == {"Anna": (None, None), "anna's imports": ("anna-id", "anna-account")}


def test_after_a_logout_a_user_can_get_another_account(conn: Connection) -> None:
    user = link(conn, "anna", spotify_id="partner-id", account_id="partner-account")
    spotify_accounts.unlink(conn, user.user_id)
    assert link(conn, "anna", account_id=None) == user
    assert identities(conn) == {"anna": ("anna-id", None)}


def test_three_consecutive_authorization_failures_end_an_authorization(conn: Connection) -> None:
    user_id = link(conn).user_id
    assert spotify_accounts.record_auth_failure(conn, user_id, "refused", NOW)
    assert spotify_accounts.record_auth_failure(conn, user_id, "refused", NOW)
    spotify_accounts.record_success(conn, user_id)
    assert spotify_accounts.record_auth_failure(conn, user_id, "refused", NOW)
    assert spotify_accounts.record_auth_failure(conn, user_id, "refused", NOW)
    assert len(spotify_accounts.linked_users(conn)) == 1
    assert not spotify_accounts.record_auth_failure(conn, user_id, "refused again", NOW)
    [account] = spotify_accounts.list_accounts(conn)
    assert (account.is_valid, account.consecutive_failures, account.last_failure_reason) == (False, 3, "refused again")
    assert spotify_accounts.linked_users(conn) == []
    spotify_accounts.record_success(conn, user_id)
    assert spotify_accounts.linked_users(conn) == [], "a call that was under way does not undo it"
    link(conn)
    [account] = spotify_accounts.list_accounts(conn)
    assert (account.is_valid, account.consecutive_failures, account.last_failure_reason) == (True, 0, None)


def test_an_authorization_ends_six_months_after_the_login_however_often_it_is_refreshed(conn: Connection) -> None:
    user_id = link(conn).user_id
    conn.execute("SET TIME ZONE 'Pacific/Apia'")
    refreshed = RefreshedTokens(b"new", b"new", NOW, scopes=None)
    spotify_accounts.save_refresh(conn, user_id, refreshed, NOW + timedelta(days=100))
    [account] = spotify_accounts.list_accounts(conn)
    assert account.authorization_ends_at == datetime(2027, 2, 28, 12, tzinfo=UTC)
    assert conn.execute("SELECT last_refresh_at FROM spotify_auth").fetchall() == [(NOW + timedelta(days=100),)]


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (timedelta(days=31), None),
        (timedelta(days=30), "ends on 2027-02-28, in 30 days, six months after the login; `myi login --user Anna`"),
        (timedelta(days=8), "in 8 days, six months"),
        (timedelta(days=7), "in 7 days, and new plays will be missed; `myi login --user Anna`"),
        (timedelta(days=1), "in 1 day, and"),
        (timedelta(hours=3), "in less than a day, and"),
        (timedelta(0), "the Spotify authorization ended on 2027-02-28"),
    ],
)
def test_warnings_start_30_and_7_days_before_the_end(conn: Connection, left: timedelta, said: str | None) -> None:
    link(conn)
    [account] = spotify_accounts.list_accounts(conn)
    warning = spotify_accounts.expiry_warning(account, account.authorization_ends_at - left)
    if said is None:
        assert warning is None
    else:
        assert warning is not None
        assert said in warning


def test_an_account_that_needs_a_login_gets_no_warning(conn: Connection) -> None:
    spotify_accounts.end_authorization(conn, link(conn).user_id, "Refresh token revoked", NOW)
    [account] = spotify_accounts.list_accounts(conn)
    assert spotify_accounts.expiry_warning(account, account.authorization_ends_at) is None
