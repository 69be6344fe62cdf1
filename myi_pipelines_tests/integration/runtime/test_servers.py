from pathlib import Path

from myi_pipelines.runtime.servers import embedded_servers, servers_of
from myi_pipelines.settings import Settings, load_settings

OWN = "postgresql://anna:secret@db.example:5432/history"


def settings(home: Path, **given: str) -> Settings:
    return load_settings(home=home, **{"database_url": "", "redis_url": "", "dagster_database_url": ""} | given)


def test_without_urls_the_servers_are_embedded_in_the_home_folder(tmp_path: Path) -> None:
    urls = servers_of(settings(tmp_path))
    folder = str(tmp_path.resolve()).replace("/", "%2F")
    assert urls.database_url == f"postgresql://myi@/myi?host={folder}%2Fpostgres"
    assert urls.dagster_url == f"postgresql://myi@/dagster?host={folder}%2Fpostgres"
    assert set(embedded_servers(settings(tmp_path))) == {"PostgreSQL", "Redis"}


def test_a_server_of_the_users_own_is_never_started_and_dagster_gets_a_schema_there(tmp_path: Path) -> None:
    given = settings(tmp_path, database_url=OWN, redis_url="redis://cache.example/1")
    urls = servers_of(given)
    assert urls.database_url == OWN
    assert urls.dagster_url == f"{OWN}?options=-csearch_path%3Ddagster"
    assert urls.redis_url == "redis://cache.example/1"
    assert not embedded_servers(given)


def test_dagster_may_have_a_database_of_its_own(tmp_path: Path) -> None:
    given = settings(tmp_path, database_url=OWN, dagster_database_url="postgresql://db.example/dagster")
    assert servers_of(given).dagster_url == "postgresql://db.example/dagster"


def test_the_embedded_urls_spelled_out_still_mean_the_embedded_servers(tmp_path: Path) -> None:
    urls = servers_of(settings(tmp_path))
    spelled = settings(tmp_path, database_url=urls.database_url, redis_url=urls.redis_url)
    assert set(embedded_servers(spelled)) == {"PostgreSQL", "Redis"}
    assert servers_of(spelled) == urls
