"""One listener for all spellings of a name, also in a warehouse that has twins from before."""

import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from myi_pipelines.warehouse import users
from myi_pipelines.warehouse.database.connections import Connection, connect
from myi_pipelines.warehouse.schema.migrations import MIGRATIONS, migrate

SPELLINGS = [unicodedata.normalize("NFC", "Zoë"), unicodedata.normalize("NFD", "Zoë"), "ZOË", "zoë ", " zoë\u00a0"]


@pytest.mark.parametrize("first", SPELLINGS)
def test_spellings_of_a_name_are_one_user_who_keeps_the_first(conn: Connection, first: str) -> None:
    user = users.known_or_new_user(conn, first)
    assert user.name == unicodedata.normalize("NFC", first.strip())
    assert {users.ensure_user(conn, spelling) for spelling in SPELLINGS} == {user.id}
    assert {users.known_user(conn, spelling) for spelling in SPELLINGS} == {user}
    assert [one.name for one in users.list_users(conn)] == [user.name]


@pytest.mark.parametrize(
    ("one", "other", "are_one"),
    [
        ("ΣΊΣΥΦΟΣ", "σίσυφος", True),
        ("Straße", "STRAßE", True),
        ("Ana María", "ana maría", True),
        ("Иван", "ИВАН", True),
        ("Zoë", "Zoe", False),
        ("anna", "anna b", False),
        ("a b", "a  b", False),
    ],
)
def test_letters_that_differ_in_more_than_case_make_two_users(
    conn: Connection, one: str, other: str, are_one: bool
) -> None:
    assert (users.ensure_user(conn, one) == users.ensure_user(conn, other)) is are_one


def test_sessions_that_meet_a_new_name_at_once_make_one_user(database_url: str) -> None:
    def ensure(spelling: str) -> int:
        with connect(database_url) as own:
            return users.ensure_user(own, spelling)

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(ensure, SPELLINGS * 4))) == 1


@pytest.mark.parametrize("name", ["", "   ", "a/b", "..", "x" * 65, "a\nb", "a\x00b", "a\x7fb", "a\x85b", "\udcff"])
def test_names_that_cannot_be_a_folder_are_refused(conn: Connection, name: str) -> None:
    with pytest.raises(users.InvalidUserName):
        users.ensure_user(conn, name)


@pytest.fixture
def twins(empty_database_url: str, tmp_path: Path) -> str:
    """A warehouse from before spellings were compared, with three users of one name, migrated."""
    for path in sorted(MIGRATIONS.glob("*.sql"))[:1]:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    migrate(empty_database_url, folder=tmp_path)
    with psycopg.connect(empty_database_url, autocommit=True) as old:
        for name in ("ZOË", "zoë ", unicodedata.normalize("NFD", "Zoë"), "anna"):
            [user_id] = old.execute("INSERT INTO users (name) VALUES (%s) RETURNING id", [name]).fetchone() or ()
            old.execute("INSERT INTO user_settings (user_id) VALUES (%s)", [user_id])
    migrate(empty_database_url)
    return empty_database_url


def test_twins_from_before_stay_apart_under_their_names_and_other_spellings_mean_the_oldest(twins: str) -> None:
    with connect(twins) as conn:
        ids = {name: user_id for user_id, name in conn.execute("SELECT id, name FROM users")}
        assert {name: users.ensure_user(conn, name) for name in ids} == ids
        assert users.ensure_user(conn, "zoë") == ids["ZOË"]
        assert users.shared_names(conn) == [(unicodedata.normalize("NFD", "Zoë"), "ZOË"), ("zoë ", "ZOË")]
        assert len(users.list_users(conn)) == 4


@pytest.mark.thorough
def test_when_the_oldest_twin_gets_another_name_the_next_has_the_name(twins: str) -> None:
    with connect(twins) as conn:
        youngest = users.user_named(conn, unicodedata.normalize("NFD", "Zoë"))
        middle = users.user_named(conn, "zoë ")
        users.rename_user(conn, "ZOË", "Zoë Kim")
        assert users.shared_names(conn) == [(unicodedata.normalize("NFD", "Zoë"), "zoë ")]
        assert users.user_named(conn, "Zoë") == middle
        users.rename_user(conn, unicodedata.normalize("NFD", "Zoë"), "Zo")
        assert users.shared_names(conn) == []
        assert users.user_named(conn, "zo") == youngest


def test_a_renamed_user_keeps_everything_and_the_former_name(conn: Connection) -> None:
    user_id = users.ensure_user(conn, "anna", "Europe/Berlin")
    assert users.rename_user(conn, "Anna", " Anna Maria ") == users.User(user_id, "Anna Maria")
    assert users.user_named(conn, "anna maria") == user_id
    assert users.former_names(conn, user_id) == ["anna"]
    [summary] = users.list_users(conn)
    assert (summary.name, summary.timezone) == ("Anna Maria", "Europe/Berlin")
    with pytest.raises(users.UnknownUser):
        users.user_named(conn, "anna")
    users.ensure_user(conn, "anna")
    assert users.former_names(conn, user_id) == []


def test_a_name_may_change_its_spelling_and_back(conn: Connection) -> None:
    user_id = users.ensure_user(conn, "anna")
    users.rename_user(conn, "anna", "Anna")
    users.rename_user(conn, "anna", "anna")
    assert users.known_user(conn, "ANNA") == users.User(user_id, "anna")
    assert users.former_names(conn, user_id) == ["Anna"]


def test_a_name_of_another_user_is_refused_with_what_to_do(conn: Connection) -> None:
    users.ensure_user(conn, "anna")
    users.ensure_user(conn, "bob")
    with pytest.raises(users.UserNameTaken, match="`myi merge-users anna bob`"):
        users.rename_user(conn, "anna", "BOB")
    with pytest.raises(users.InvalidUserName):
        users.rename_user(conn, "anna", "a/b")
