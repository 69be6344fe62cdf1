"""What is kept of sessions, links, tokens and passwords, and what each database login can do with it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from myi_pipelines.runtime.reader import keeper_url, reader_url
from myi_pipelines.serving.access.attempts import Attempts
from myi_pipelines.serving.access.links import PATH, LinkNotValid, make_link, use_link
from myi_pipelines.serving.access.passwords import (
    PasswordRefused,
    has_any_password,
    is_password,
    remove_password,
    set_password,
)
from myi_pipelines.serving.access.permissions import NotVisible, Part, parts_shown, require
from myi_pipelines.serving.access.sessions import (
    Method,
    begin_session,
    device_of,
    end_other_sessions,
    end_session,
    sessions_of,
    viewer_of_session,
)
from myi_pipelines.serving.access.tokens import (
    TokenRefused,
    make_token,
    revoke_token,
    tokens_of,
    viewer_of_token,
)
from myi_pipelines.serving.access.viewers import OPERATOR, STRANGER, Kind, Right, listener_viewer
from myi_pipelines.settings import load_settings
from myi_pipelines.warehouse.database.connections import Connection, connect
from myi_pipelines.warehouse.schema.keeper import KEPT_TABLES, KeeperNotUsable, prepare_keeper
from myi_pipelines.warehouse.schema.tables import tables
from myi_pipelines.warehouse.users import User, known_or_new_user


@pytest.fixture
def keeper(database_url: str, tmp_path: Path, conn: Connection) -> Iterator[Connection]:
    with connect(keeper_url(load_settings(home=tmp_path, database_url=database_url), conn)) as opened:
        yield opened


@pytest.fixture
def anna(conn: Connection) -> User:
    return known_or_new_user(conn, "anna")


@pytest.fixture
def bob(conn: Connection) -> User:
    return known_or_new_user(conn, "bob")


def test_the_keeper_keeps_sessions_and_can_do_nothing_else(keeper: Connection, conn: Connection) -> None:
    for table in KEPT_TABLES:
        keeper.execute(sql.SQL("SELECT FROM {}").format(sql.Identifier(table)))
    others = sorted(set(tables()) - set(KEPT_TABLES))
    assert "listening_events" in others
    for table in others:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            keeper.execute(sql.SQL("SELECT FROM {}").format(sql.Identifier(table)))
    for attempt in (
        "TRUNCATE web_sessions",
        "DROP TABLE web_sessions",
        "DELETE FROM users",
        "CREATE TABLE mine ()",
        "CREATE ROLE mine",
        "COPY web_sessions TO PROGRAM 'true'",
        "SET ROLE myi",
        "SELECT nextval('web_sessions_id_seq')",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            keeper.execute(attempt.encode())


def test_a_keeper_that_sees_more_is_refused(keeper: Connection, conn: Connection) -> None:
    role = keeper.info.user
    conn.execute(sql.SQL("GRANT SELECT ON users TO {}").format(sql.Identifier(role)))
    with pytest.raises(KeeperNotUsable, match="can do more than keep sessions"):
        prepare_keeper(conn, role)
    with pytest.raises(KeeperNotUsable, match="can do more than keep sessions"):
        prepare_keeper(conn, conn.info.user)


def test_the_reader_sees_nothing_that_opens_anything(database_url: str, tmp_path: Path, conn: Connection) -> None:
    with psycopg.connect(reader_url(load_settings(home=tmp_path, database_url=database_url), conn)) as reader:
        for table in KEPT_TABLES:
            with pytest.raises(psycopg.errors.InsufficientPrivilege), reader.transaction():
                reader.execute(sql.SQL("SELECT FROM {}").format(sql.Identifier(table)))


def test_a_stolen_database_opens_nothing(keeper: Connection, conn: Connection, anna: User) -> None:
    session = begin_session(keeper, anna.id, Method.LINK, "Firefox on Linux")
    link = make_link(keeper, anna.id).removeprefix(PATH)
    token = make_token(keeper, anna.id, "widget", ["stats:read"]).text
    set_password(keeper, anna.id, "four plain words here")
    stolen = "".join(
        str(conn.execute(sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(table))).fetchall())
        for table in KEPT_TABLES
    )
    for secret in (session, link, token, token.removeprefix("myi_"), "four plain words here"):
        assert secret not in stolen
    assert "argon2id" in bytes(conn.execute("SELECT argon2id FROM web_passwords").fetchall()[0][0]).decode()
    for (found,) in conn.execute("SELECT encode(secret_hash, 'hex') FROM web_sessions"):
        assert viewer_of_session(keeper, found) is None
    for (found,) in conn.execute("SELECT encode(secret_hash, 'hex') FROM api_tokens"):
        assert viewer_of_token(keeper, found) is None


def test_sessions_are_listed_ended_and_end_by_themselves(
    keeper: Connection, conn: Connection, anna: User, bob: User
) -> None:
    first = begin_session(keeper, anna.id, Method.LINK, "Firefox on Linux")
    second = begin_session(keeper, anna.id, Method.PASSWORD, "Safari on iPhone")
    of_operator = begin_session(keeper, None, Method.LINK, "Chrome on macOS")
    viewer = viewer_of_session(keeper, first)
    assert viewer is not None
    assert (viewer.kind, viewer.user_id) == (Kind.LISTENER, anna.id)
    assert {one.device for one in sessions_of(keeper, anna.id)} == {"Firefox on Linux", "Safari on iPhone"}
    operator = viewer_of_session(keeper, of_operator)
    assert operator is not None
    assert operator.is_operator
    assert [one.device for one in sessions_of(keeper, None)] == ["Chrome on macOS"]

    assert viewer.session_id is not None
    assert not end_session(keeper, bob.id, viewer.session_id)
    assert not end_session(keeper, None, viewer.session_id)
    assert end_other_sessions(keeper, anna.id, viewer.session_id) == 1
    assert viewer_of_session(keeper, second) is None
    assert viewer_of_session(keeper, first) is not None
    assert end_session(keeper, anna.id, viewer.session_id)
    assert viewer_of_session(keeper, first) is None

    idle = begin_session(keeper, anna.id, Method.LINK, "")
    conn.execute("UPDATE web_sessions SET last_used_at = now() - interval '59 days' WHERE user_id = %s", [anna.id])
    assert viewer_of_session(keeper, idle) is not None
    [used] = sessions_of(keeper, anna.id)
    assert datetime.now(UTC) - used.last_used_at < timedelta(minutes=1)
    conn.execute("UPDATE web_sessions SET last_used_at = now() - interval '61 days' WHERE user_id = %s", [anna.id])
    assert viewer_of_session(keeper, idle) is None
    old = begin_session(keeper, anna.id, Method.LINK, "")
    assert len(conn.execute("SELECT FROM web_sessions WHERE user_id = %s", [anna.id]).fetchall()) == 1
    conn.execute("UPDATE web_sessions SET expires_at = now() WHERE user_id = %s", [anna.id])
    assert viewer_of_session(keeper, old) is None


def test_a_link_signs_in_once_and_not_for_long(keeper: Connection, anna: User) -> None:
    secret = make_link(keeper, anna.id).removeprefix(PATH)
    assert use_link(keeper, secret) == anna.id
    for spent in (secret, make_link(keeper, anna.id, timedelta(0)).removeprefix(PATH), "x", ""):
        with pytest.raises(LinkNotValid):
            use_link(keeper, spent)
    assert use_link(keeper, make_link(keeper, None).removeprefix(PATH)) is None


def test_tokens_are_shown_once_and_revoked(keeper: Connection, conn: Connection, anna: User, bob: User) -> None:
    made = make_token(keeper, anna.id, "  my  widget ", ["history:read", "stats:read"])
    assert made.text.startswith("myi_")
    assert made.token.name == "my widget"
    viewer = viewer_of_token(keeper, made.text)
    assert viewer is not None
    assert (viewer.kind, viewer.user_id) == (Kind.TOKEN, anna.id)
    assert viewer.rights == {Right.READ_STATS, Right.READ_HISTORY}
    [listed] = tokens_of(keeper, anna.id)
    assert listed.last_used_at is not None
    assert not revoke_token(keeper, bob.id, listed.id)
    assert revoke_token(keeper, anna.id, listed.id)
    assert viewer_of_token(keeper, made.text) is None

    brief = make_token(keeper, anna.id, "brief", ["stats:read"], datetime.now(UTC) + timedelta(hours=1))
    assert viewer_of_token(keeper, brief.text) is not None
    conn.execute("UPDATE api_tokens SET expires_at = now() WHERE id = %s", [brief.token.id])
    assert viewer_of_token(keeper, brief.text) is None
    for name, rights in (("", ["stats:read"]), ("x" * 101, ["stats:read"]), ("x", ["embed:read", "stats:read"])):
        with pytest.raises(TokenRefused):
            make_token(keeper, anna.id, name, rights)
    of_operator = viewer_of_token(keeper, make_token(keeper, None, "prometheus", ["metrics:read"]).text)
    assert of_operator is not None
    assert not of_operator.is_operator
    assert of_operator.user_id is None


ENDS = (
    "9999-12-31T23:59:59-12:00",
    "9999-12-31T23:59:59+00:00",
    "0001-01-01T00:00:00+14:00",
    "2020-01-01T00:00:00+00:00",
    "2199-01-01T00:00:00+00:00",
)
"""Of no token: over, in more than 100 years, or such that it is in no year of Python's in UTC."""


@pytest.mark.parametrize("text", ENDS)
def test_a_token_ends_in_the_future_and_within_a_hundred_years(keeper: Connection, anna: User, text: str) -> None:
    with pytest.raises(TokenRefused, match="ends in the future, and within 100 years"):
        make_token(keeper, anna.id, "widget", ["stats:read"], datetime.fromisoformat(text))
    assert tokens_of(keeper, anna.id) == []


def test_passwords(keeper: Connection, anna: User, bob: User) -> None:
    assert not has_any_password(keeper)
    set_password(keeper, anna.id, "four plain words here")
    assert has_any_password(keeper)
    assert is_password(keeper, anna.id, "four plain words here")
    for wrong in ("Four plain words here", "", "\0", "\ud800", "x" * 2_000):
        assert not is_password(keeper, anna.id, wrong)
    for user_id in (bob.id, None, -1):
        assert not is_password(keeper, user_id, "four plain words here")
        assert not is_password(keeper, user_id, "")
    set_password(keeper, None, "the operator's own")
    assert is_password(keeper, None, "the operator's own")
    for refused in ("", "too short", "x" * 1_001):
        with pytest.raises(PasswordRefused):
            set_password(keeper, anna.id, refused)
    assert remove_password(keeper, anna.id)
    assert not is_password(keeper, anna.id, "four plain words here")


def test_what_is_shared_is_read_with_each_question(conn: Connection, anna: User, bob: User) -> None:
    require(conn, OPERATOR, anna, Part.HISTORY)
    require(conn, listener_viewer(anna.id), anna, Part.MANAGE)
    for viewer in (STRANGER, listener_viewer(bob.id)):
        with pytest.raises(NotVisible):
            require(conn, viewer, anna, Part.PROFILE)
    with pytest.raises(NotVisible):
        require(conn, OPERATOR, None, Part.PROFILE)
    conn.execute(
        "UPDATE user_settings SET is_public_profile = true, share_top_artists = true WHERE user_id = %s", [anna.id]
    )
    assert parts_shown(conn, STRANGER, anna) == {Part.PROFILE, Part.TOP_ARTISTS}
    conn.execute("UPDATE user_settings SET allows_comparison = true")
    assert Part.COMPARISON in parts_shown(conn, listener_viewer(bob.id), anna)
    assert Part.COMPARISON not in parts_shown(conn, STRANGER, anna)


def test_tries_are_counted_by_all_processes_and_without_redis_too(redis_url: str) -> None:
    one, other, alone = Attempts(redis_url), Attempts(redis_url), Attempts("redis://127.0.0.1:1/0")
    for attempts in ((one, other), (alone, alone)):
        waits = [attempts[number % 2].seconds_to_wait("anna", "10.0.0.1") for number in range(6)]
        assert waits[:5] == [0] * 5
        assert 800 < waits[5] <= 900
        assert attempts[0].seconds_to_wait("ANNA", "10.0.0.1") > 0
        assert attempts[0].seconds_to_wait("anna", "10.0.0.2") == 0
        assert attempts[0].seconds_to_wait("bob", "10.0.0.1") == 0
        attempts[1].forget("anna", "10.0.0.1")
        assert attempts[0].seconds_to_wait("anna", "10.0.0.1") == 0
        many = [attempts[0].seconds_to_wait(f"user {number}", "10.0.0.3") for number in range(31)]
        assert many[:30] == [0] * 30
        assert many[30] > 0
        spread = [attempts[0].seconds_to_wait("carl", f"10.0.1.{number}") for number in range(51)]
        assert spread[:50] == [0] * 50
        assert spread[50] > 0


def test_addresses_of_one_household_are_counted_together(redis_url: str) -> None:
    attempts = Attempts(redis_url)
    waits = [attempts.seconds_to_wait(7, f"2001:db8:0:1:{number:x}::{number:x}") for number in range(6)]
    assert waits[:5] == [0] * 5
    assert waits[5] > 0
    assert attempts.seconds_to_wait(7, "2001:db8:0:2::1") == 0
    assert attempts.seconds_to_wait("7", "2001:db8:0:1::1") == 0
    assert attempts.seconds_to_wait(None, "2001:db8:0:1::1") == 0


def test_of_many_tries_at_once_as_many_pass_as_may(redis_url: str) -> None:
    one, other, alone = Attempts(redis_url), Attempts(redis_url), Attempts("redis://127.0.0.1:1/0")
    assert alone.seconds_to_wait("bob", "10.0.0.1") == 0  # It knows that Redis is away.
    with ThreadPoolExecutor(20) as pool:
        for attempts in ((one, other), (alone, alone)):
            tries = [pool.submit(attempts[number % 2].seconds_to_wait, "anna", "10.0.0.1") for number in range(40)]
            assert [one.result() for one in tries].count(0) == 5


@pytest.mark.parametrize(
    ("said", "device"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Version/18.5 Mobile Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("curl/8", "A browser"),
        ("<script>" * 1_000, "A browser"),
    ],
)
def test_a_device_is_told_in_a_few_words(said: str, device: str) -> None:
    assert device_of(said) == device
