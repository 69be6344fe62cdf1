"""The web server over a streaming replica, a real one: it reads there, writes to the primary, and says as of when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from myi_pipelines.runtime.database_urls import with_user
from myi_pipelines.serving.access.links import make_link
from myi_pipelines.serving.context import Context
from myi_pipelines.serving.process import assembled
from myi_pipelines.sources.exports import Play, Track
from myi_pipelines.warehouse.database.connections import fetch_scalar
from myi_pipelines.warehouse.schema.reader import prepare_reader
from myi_pipelines_tests.support.killable_processes import DATABASE
from myi_pipelines_tests.support.replica import Replicated, replicated_server
from myi_pipelines_tests.support.shared_servers import SessionServers
from myi_pipelines_tests.support.strategies import CONTEXT
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse
from myi_pipelines_tests.support.web import Answer, Server, serving, web_context

pytestmark = pytest.mark.slow


class Site(NamedTuple):
    servers: Replicated
    warehouse: Warehouse
    """On the primary."""
    context: Context
    web: Server

    def sign_in(self, user_id: int) -> dict[str, str]:
        """The cookies of somebody who follows a link of `myi open`."""
        answer = self.web.submit(make_link(self.warehouse.conn, user_id), {})
        assert answer.status == 303
        return dict(answer.cookies)

    def numbers(self, cookies: dict[str, str]) -> tuple[int, datetime]:
        """How many plays of anna there are, and as of when."""
        answer = self.web.ask("GET", "/api/v1/users/anna/totals?range=all", cookies=cookies)
        assert answer.status == 200, answer.text
        return answer.json["data"]["current"]["play_count"], datetime.fromisoformat(answer.json["meta"]["as_of"])


@pytest.fixture(scope="module")
def site(session_servers: SessionServers, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Site]:
    servers_folder, folder = session_servers.folder / f"replica-{worker_id}", tmp_path_factory.mktemp("replica")
    with replicated_server(servers_folder) as servers, open_warehouse(servers.primary.url(DATABASE)) as warehouse:
        prepare_reader(warehouse.conn, "myi_reader")
        context = web_context(
            servers.primary.url(DATABASE),
            folder,
            reader_database_url=with_user(servers.replica.url(DATABASE), "myi_reader", ""),
        )
        servers.catch_up()
        with serving(assembled(context)) as web:
            yield Site(servers, warehouse, context, web)


def plays(number: int) -> list[Play]:
    ended = datetime(2025, 3, 1, 20, tzinfo=UTC) + timedelta(hours=number)
    return [Play(Track(f"{number:022d}", "A song", "Somebody", None), CONTEXT, ended, ended, 200_000)]


def land(site: Site, user_id: int, number: int) -> None:
    site.warehouse.land(user_id, plays(number))
    site.warehouse.settle([user_id])


def as_of_at_foot(page: Answer) -> datetime:
    assert page.status == 200
    return datetime.fromisoformat(page.text.partition('As of <time datetime="')[2].partition('"')[0])


def test_answers_come_from_the_replica_and_say_as_of_when_it_has_replayed(site: Site) -> None:
    with site.context.reading() as conn:
        assert fetch_scalar(conn, "SELECT pg_is_in_recovery()")
    with site.context.keeping() as conn:
        assert not fetch_scalar(conn, "SELECT pg_is_in_recovery()")
    anna = site.warehouse.user("anna", "Europe/Berlin")
    land(site, anna, 1)
    site.servers.catch_up()
    cookies = site.sign_in(anna)
    before = site.numbers(cookies)
    assert before[0] == 1

    site.servers.pause()
    land(site, anna, 2)
    landed = fetch_scalar(site.warehouse.conn, "SELECT last_ingested_at FROM users WHERE id = %s", [anna])
    assert site.numbers(cookies) == before
    assert as_of_at_foot(site.web.get("/u/anna?range=2025", cookies)) == before[1] < landed
    kept = site.web.get("/u/anna?range=2025", cookies)

    site.servers.go_on()
    site.servers.catch_up()
    assert site.numbers(cookies) == (2, landed)
    changed = site.web.get("/u/anna?range=2025", cookies, If_None_Match=kept.headers["etag"])
    assert as_of_at_foot(changed) == landed


def test_people_come_in_and_change_things_while_the_replica_has_stopped(site: Site) -> None:
    bela = site.warehouse.user("bela", "UTC")
    land(site, bela, 3)
    site.servers.catch_up()
    site.servers.pause()
    try:
        cookies = site.sign_in(bela)
        assert site.web.get("/u/bela/settings", cookies).status == 200
        shared = site.web.submit("/u/bela/settings/privacy", {"is_public_profile": "yes"}, cookies)
        assert shared.status == 303
        public = "SELECT is_public_profile FROM user_settings WHERE user_id = %s"
        assert fetch_scalar(site.warehouse.conn, public, [bela])
        chandra = site.sign_in(site.warehouse.user("chandra", "UTC"))
        for path in ("/", "/u/chandra", "/api/v1/me", "/api/v1/users"):
            assert site.web.get(path, chandra).status == 404
        assert site.web.submit("/sign-out", {}, cookies).status == 200
        assert site.web.get("/u/bela/settings", cookies).status == 404
    finally:
        site.servers.go_on()
    site.servers.catch_up()
    assert site.web.get("/u/chandra", chandra).status == 200
