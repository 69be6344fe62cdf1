"""URLs of servers: what is added to them, and what is not shown."""

import pytest

from myi_pipelines.runtime.database_urls import passwords_in, sqlalchemy_url, with_schema, without_password

OWN = "postgresql://anna:secret@db.example:5432/history"


def test_dagster_is_given_the_driver_that_its_storage_needs() -> None:
    assert sqlalchemy_url("postgres://u:p@h/d") == "postgresql+psycopg2://u:p@h/d"
    assert sqlalchemy_url("postgresql:///d?host=%2Fx") == "postgresql+psycopg2:///d?host=%2Fx"


def test_a_schema_is_added_to_the_options_that_a_url_has() -> None:
    assert with_schema("postgresql:///d", "s") == "postgresql:///d?options=-csearch_path%3Ds"
    assert (
        with_schema("postgresql://h/d?options=-cjit%3Doff&sslmode=require", "s")
        == "postgresql://h/d?sslmode=require&options=-cjit%3Doff%20-csearch_path%3Ds"
    )


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (OWN, "postgresql://anna:…@db.example:5432/history"),
        ("postgresql://myi@/myi?host=%2Fx", "postgresql://myi@/myi?host=%2Fx"),
        ("postgresql://h/d?password=secret&user=anna", "postgresql://h/d?password=…&user=anna"),
        ("redis://:secret@cache.example/1", "redis://:…@cache.example/1"),
    ],
)
def test_a_password_is_not_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_a_password_is_found_where_a_url_may_hold_it() -> None:
    assert passwords_in("postgresql://me:s%40cret@h/d") == {"s%40cret", "s@cret"}
    assert passwords_in("postgresql://h/d?password=s%40cret") == {"s@cret"}
    assert passwords_in("redis://:secret@h/0") == {"secret"}
    assert passwords_in("postgresql://myi@/myi?host=%2Fx") == passwords_in("") == set()
