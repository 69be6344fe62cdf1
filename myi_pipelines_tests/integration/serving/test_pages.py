"""Pages over HTTP: who sees what, odd addresses, names that try to be more, answers that a browser has already."""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import anyio
import psycopg
import pytest

from myi_pipelines.ingest.uploads.landing_files import WaitingFile, land_file
from myi_pipelines.serving import uploads
from myi_pipelines.serving.access.sessions import Method, begin_session, sessions_of
from myi_pipelines.serving.access.tokens import make_token
from myi_pipelines.serving.access.viewers import Right
from myi_pipelines.serving.process import assembled
from myi_pipelines.sources.exports import Context, Limits, Play, Track
from myi_pipelines.warehouse.database.connections import connect
from myi_pipelines.warehouse.spotify_accounts import Authorization, end_authorization, save_authorization, unlink
from myi_pipelines_tests.support.shared_servers import SessionServers, database_name
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse
from myi_pipelines_tests.support.web import Answer, Server, serving, web_context

CONTEXT = Context("ios", "NZ", "trackdone", "trackdone", False, False, False, False)
NAME = "<script>alert(1)</script>\"'&"
PAGES = (
    *("", "tops", "tops/artists", "tops/albums", "tops/genres", "tops/shows", "history", "trends", "habits"),
    *("discoveries", "on-this-day", "milestones", "spotify", "compare", "search?q=s", "review", "review/2025"),
    *("imports", "corrections", "settings", "review/2025/card.svg"),
)
RANGE_AND_MEASURE = ("Range", "Measure")
ODD = (
    *("?range=nonsense", "?range=9999", "?range=2025-13", "?from=2025-02-01&to=2025-01-01"),
    "?artist=%C2%B2&album=-1",
    *(
        "?genre=%00&platform=%00",
        "tops?after=--1,2,3,4,5",
        "tops?after=1,2,3,4,%C2%B2",
        "tops/shows?skip=%C2%B2",
        "tops/nothing",
    ),
    *(
        "history?before=0001-01-01,1",
        "history?before=x",
        "history?hour=99&weekday=-1",
        "history?song=999999999999999999",
    ),
    *("song/0", "song/x", "track/999999999999999999", "artist/%C2%B2", "genre", "genre?name=%00", "show/x"),
    *("search?q=%00%25_%5C", "review/all", "review/2999", "review/2025/card.exe", "compare?with=nobody"),
)


class Site(NamedTuple):
    server: Server
    warehouse: Warehouse
    user_id: int
    cookies: dict[str, str]
    token: str
    folder: Path

    def get(self, path: str, *, as_user: bool = True, **headers: str) -> Answer:
        return self.server.get(path, self.cookies if as_user else None, **headers)


@pytest.fixture(scope="module")
def site(session_servers: SessionServers, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Site]:
    """Anna has thirty plays of songs with one name, and another listener has none."""
    folder = tmp_path_factory.mktemp("pages")
    name = database_name("pages", worker_id)
    with session_servers.database(name) as url, open_warehouse(url) as warehouse:
        user_id = warehouse.user("anna", "Europe/Berlin")
        path = folder / "Streaming_History_Audio_2025.json"
        path.write_text(json.dumps([row(number) for number in range(30)]))
        land_file(warehouse.session(), WaitingFile(path, user_id, Limits()))
        warehouse.settle([user_id])
        with closing(connect(url)) as owner:
            secret = begin_session(owner, user_id, Method.LINK, "a test")
            token = make_token(owner, user_id, "a badge", [Right.READ_EMBED]).text
        with serving(assembled(web_context(url, folder, uploads=folder / "uploads"))) as server:
            yield Site(server, warehouse, user_id, {f"myi_{server.port}": secret}, token, folder)


def row(number: int) -> dict[str, object]:
    ended = datetime(2025, 3, 1, 20, tzinfo=UTC) + timedelta(hours=7 * number)
    return {
        "ts": f"{ended:%Y-%m-%dT%H:%M:%SZ}",
        "ms_played": 200_000,
        "master_metadata_track_name": NAME,
        "master_metadata_album_artist_name": NAME,
        "master_metadata_album_album_name": NAME,
        "spotify_track_uri": f"spotify:track:{number % 3:022d}",
    }


def path_of(page: str) -> str:
    return f"/u/anna{'' if not page or page.startswith('?') else '/'}{page}"


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_names_as_text(site: Site, page: str) -> None:
    answer = site.get(path_of(page))
    assert answer.status == 200
    assert "<script>alert" not in answer.text
    assert 'style="' not in answer.text
    assert site.get(path_of(page), as_user=False).status in (303, 404)


@pytest.mark.parametrize("page", ODD)
def test_an_odd_address_is_no_mistake_of_ours(site: Site, page: str) -> None:
    assert site.get(path_of(page)).status in (200, 303, 400, 404)


def test_the_pages_begin_with_the_last_year_that_has_plays(site: Site) -> None:
    overview = site.get("/u/anna").text
    assert "In 2025 you listened" in overview
    assert 'href="/u/anna?range=year"' in overview
    assert 'href="/u/anna" aria-current="true">2025' in overview


def test_the_trends_end_with_the_last_year_that_has_plays(site: Site) -> None:
    trends = site.get("/u/anna/trends").text.split("<main")[1].split("</main")[0]
    assert "You listened in one year so far, 2025: 30 plays." in trends
    assert "2026" not in trends


def test_a_bar_leads_to_the_plays_that_it_counts(site: Site) -> None:
    """Of months that are only partly in the range, too: Anna's plays are of 1 to 10 March."""
    whole = site.get("/u/anna?range=2024-10-10..2025-10-20").text
    assert "range=2025-03&" in whole.replace("&amp;", "&") or 'range=2025-03"' in whole
    cut = site.get("/u/anna?range=2025-03-05..2025-10-20").text
    assert "range=2025-03-05..2025-03-31" in cut
    assert 'range=2025-03"' not in cut


def test_any_days_are_compared_with_as_many_before(site: Site) -> None:
    overview = site.get("/u/anna?range=2025-03-06..2025-03-09").text
    assert re.search(r"(more|less) than in the 4 days before|as much as in the 4 days before", overview)
    assert "The dotted line is the 4 days before." in overview


def test_a_day_of_the_history_tells_all_of_its_plays(site: Site) -> None:
    """Also where the page ends inside the day, and the next page goes on with it."""
    user_id = site.warehouse.user("often", "UTC")
    began = datetime(2025, 6, 1, tzinfo=UTC)
    track = Track("9" * 22, "Song", "Artist", None)
    plays = [Play(track, CONTEXT, at, at, 60_000) for at in (began + timedelta(minutes=5 * n) for n in range(1, 101))]
    site.warehouse.land(user_id, plays)
    site.warehouse.settle([user_id])
    operator = {f"myi_{site.server.port}": begin_session(site.warehouse.conn, None, Method.LINK, "the operator")}
    page = site.server.get("/u/often/history?range=2025", operator).text
    assert "100 plays, 1 h 40 min</p>" in page
    more = html.unescape(re.findall(r'data-more="#days" href="([^"]+)"', page)[0])
    assert "100 plays, 1 h 40 min</p>" in site.server.get(more, operator).text
    of_hours = site.server.get("/u/often/history?range=2025&hour=0-6", operator).text
    assert re.findall(r"<h2>.*?</h2><p>(.*?)</p>", of_hours) == [""], "it goes on after the page"


def test_only_pages_that_a_range_changes_offer_one(site: Site) -> None:
    pages = {page: site.get(path_of(page)).text for page in PAGES if "." not in page}
    range_, measure = ({page for page, text in pages.items() if f'label="{one}"' in text} for one in RANGE_AND_MEASURE)
    without = {"imports", "corrections", "settings", "search?q=s", "on-this-day", "milestones", "spotify"}
    assert set(pages) - measure == without
    assert set(pages) - range_ == without | {"trends", "review"}


@pytest.mark.parametrize("page", ["trends", "milestones", "on-this-day", "spotify", "review", "search"])
def test_a_page_without_a_range_keeps_it_for_others(site: Site, page: str) -> None:
    assert 'href="/u/anna/tops?range=2024"' in site.get(path_of(f"{page}?range=2024")).text


def test_the_bar_of_a_review_leads_to_other_reviews(site: Site) -> None:
    bar = site.get(path_of("review/2025-03?by=time")).text.split('class="bar"')[1].split("<main")[0]
    assert 'rel="next" href="/u/anna/review/2025-04?by=time"' in bar
    assert 'href="/u/anna/review/2025-03?by=time" aria-current="true">Mar' in bar
    assert 'name="from"' not in bar


@pytest.mark.parametrize("page", ["", "habits", "tops", "tops/artists", "history"])
@pytest.mark.parametrize(
    ("query", "sentence", "leads_to"),
    [
        ("range=2012", "In 2012 you played nothing: your plays begin in", "range=2025-03"),
        ("range=7d", "In the last 7 days you played nothing: your latest plays are of", "range=2025-03"),
        ("range=2025&skipped=yes", "In 2025 you played nothing that fits;", "range=all"),
    ],
)
def test_a_range_without_plays_leads_to_those_there_are(
    site: Site, page: str, query: str, sentence: str, leads_to: str
) -> None:
    main = site.get(path_of(f"{page}?{query}")).text.split("<main")[1]
    assert sentence in main
    assert leads_to in main.split(sentence)[1].split("</a>")[0]
    assert "<figure" not in main
    assert "figures" not in main


def test_the_fullest_hour_is_named_unless_several_have_as_much(site: Site) -> None:
    named, tie = (site.get(f"/u/anna/habits?range={day}").text for day in ("2025-03-01..2025-03-08", "2025-03-02"))
    assert ">21:00<" in named
    assert "the fullest hour" in named
    assert "fullest hour" not in tie


def test_a_day_is_compared_with_another_day(site: Site) -> None:
    overview = site.get("/u/anna?range=2025-03-03").text
    assert " on 2 March 2025" in overview
    assert " in 2 March 2025" not in overview


def test_how_much_of_a_track_was_heard_goes_from_little_to_all(site: Site) -> None:
    site.warehouse.conn.execute("UPDATE tracks SET duration_ms = 201_000 + 100_000 * (id % 2)")
    try:
        habits = site.get("/u/anna/habits?range=2025&by=time").text.split("How much of a track")[1]
    finally:
        site.warehouse.conn.execute("UPDATE tracks SET duration_ms = NULL")
    assert habits.index("50% to 75%") < habits.index("95% or more")
    assert " min<" in habits.split("95% or more")[1].split("</li>")[0]


def test_a_page_says_which_filters_do_not_reach_it(site: Site) -> None:
    unreached = "does not reach this."
    assert unreached not in site.get("/u/anna/milestones").text
    assert f"The filter by device {unreached}" in site.get("/u/anna/milestones?platform=ios").text
    assert f"The filter by skips {unreached}" in site.get("/u/anna/discoveries?skipped=no&artist=1").text
    assert "The filters by artist and skips do not" in site.get("/u/anna/tops/shows?skipped=no&artist=1").text
    assert (
        "The filters by artist, device and skips"
        in site.get("/u/anna/tops/shows?skipped=no&artist=1&platform=ios").text
    )
    for page in ("habits", "tops", "history", "discoveries"):
        assert unreached not in site.get(f"/u/anna/{page}?range=all&artist=1").text


@pytest.mark.parametrize("path", ["/u/anna/tops", "/api/v1/users/anna/tops/songs"])
def test_what_a_browser_has_costs_two_statements(site: Site, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    etag = site.get(path).headers["etag"]
    executed: list[object] = []
    execute = psycopg.Cursor.execute

    def counting(cursor: psycopg.Cursor[Any], query: Any, *arguments: Any, **options: Any) -> psycopg.Cursor[Any]:
        executed.append(query)
        return execute(cursor, query, *arguments, **options)

    monkeypatch.setattr(psycopg.Cursor, "execute", counting)
    assert site.get(path, If_None_Match=etag).status == 304
    assert len(executed) == 2, "the session, and the listener with the version"


def test_a_page_that_a_browser_has_is_not_sent_again(site: Site) -> None:
    first = site.get("/u/anna")
    assert site.get("/u/anna", If_None_Match=first.headers["etag"]).status == 304
    assert site.get("/u/anna?by=time", If_None_Match=first.headers["etag"]).status == 200


def test_a_public_page_shows_what_the_flags_allow(site: Site) -> None:
    assert site.get("/u/anna", as_user=False).status == 404
    conn = site.warehouse.conn
    conn.execute("UPDATE user_settings SET is_public_profile = true WHERE user_id = %s", [site.user_id])
    try:
        shown = site.get("/u/anna?range=all", as_user=False)
        assert shown.status == 200
        assert "script" not in shown.text.split("<main")[1]
        assert "/history" not in shown.text
        assert "/search" not in shown.text
        conn.execute("UPDATE user_settings SET share_top_artists = true WHERE user_id = %s", [site.user_id])
        assert "&lt;script&gt;" in site.get("/u/anna?range=all", as_user=False).text
        assert site.get("/u/anna/tops", as_user=False).status == 404
    finally:
        conn.execute(
            "UPDATE user_settings SET is_public_profile = false, share_top_artists = false WHERE user_id = %s",
            [site.user_id],
        )


FILTERS = ("artist=1", "album=1", "genre=x", "platform=linux", "skipped=yes")


def test_filters_tell_nobody_more_than_is_shared(site: Site) -> None:
    conn = site.warehouse.conn
    shared = ["is_public_profile", "share_listening_time", "share_top_artists", "share_top_tracks", "share_history"]
    flags = ", ".join(f"{name} = %(on)s" for name in shared)
    conn.execute(f"UPDATE user_settings SET {flags} WHERE user_id = %(id)s".encode(), {"on": True, "id": site.user_id})
    try:
        for one in FILTERS:
            for page in ("", "history"):
                status = site.get(f"{path_of(page)}?range=all&{one}", as_user=False).status
                assert status == (200 if page else 404), (page, one)  # single plays are all there is of them
            badge = f"/embed/u/anna/badge.svg?range=all&token={site.token}"
            assert site.get(badge, as_user=False).status == 200
            assert site.get(f"{badge}&{one}", as_user=False).status == 404
            assert site.get(f"/u/anna?range=all&{one}").status == 200
    finally:
        conn.execute(
            f"UPDATE user_settings SET {flags} WHERE user_id = %(id)s".encode(), {"on": False, "id": site.user_id}
        )


def test_a_comparison_is_of_oneself_and_of_everything(site: Site) -> None:
    conn = site.warehouse.conn
    others = {name: site.warehouse.user(name, "UTC") for name in ("beth", "carl")}
    conn.execute("UPDATE user_settings SET allows_comparison = true")
    try:
        carl = {f"myi_{site.server.port}": begin_session(conn, others["carl"], Method.LINK, "a test")}
        assert site.server.get("/u/carl/compare?with=anna&range=all", carl).status == 200
        assert site.server.get("/u/anna/compare?with=beth&range=all", carl).status == 404
        assert site.server.get("/u/anna/compare?artist=1", carl).status == 404
        whole, narrow = (
            site.server.get(f"/u/carl/compare?with=anna&range=all{one}", carl) for one in ("", "&platform=x")
        )
        figures = [re.findall("<dt>anna’s</dt><dd>(.*?)</dd>", one.text) for one in (whole, narrow)]
        assert figures[0] == figures[1] == ["1 h 40 min"]
        assert "does not reach this" in narrow.text
    finally:
        conn.execute("UPDATE user_settings SET allows_comparison = false")


def test_a_private_listener_is_like_none(site: Site) -> None:
    for path in ("/u/{}", "/u/{}/settings", "/u/{}/compare", "/embed/u/{}/badge.svg?token=x"):
        for headers in ({}, {"Authorization": "Bearer myi_bad"}):
            answers = [site.server.ask("GET", path.format(name), headers) for name in ("anna", "nobody")]
            assert (
                len({(one.status, one.headers.get("location", "").replace("nobody", "anna")) for one in answers}) == 1
            )


def test_only_the_operator_finds_the_way_to_all_listeners(site: Site) -> None:
    secret = begin_session(site.warehouse.conn, None, Method.LINK, "the operator")
    as_operator = site.server.get("/u/anna", {f"myi_{site.server.port}": secret})
    assert 'href="/operator"' in as_operator.text
    assert 'href="/operator"' not in site.get("/u/anna").text


def test_the_operator_adds_a_listener_and_drops_their_export(site: Site) -> None:
    form = {"name": "Zoë of 東京", "timezone": "Asia/Tokyo"}
    assert site.server.submit("/operator/listener", form, site.cookies).status == 404
    operator = {f"myi_{site.server.port}": begin_session(site.warehouse.conn, None, Method.LINK, "the operator")}
    assert "Add a listener" in site.server.get("/operator", operator).text
    assert site.server.get("/operator?after=%00%ff", operator).status == 200

    added = site.server.submit("/operator/listener", form, operator)
    assert added.headers["location"].startswith(f"/u/{quote(form['name'])}/imports")
    assert "Drop your export here" in site.server.get(added.headers["location"], operator).text
    again = form | {"name": " zoë of 東京 ", "timezone": "UTC"}
    assert site.server.submit("/operator/listener", again, operator).headers["location"] == added.headers["location"]
    kept = "SELECT name, timezone FROM users JOIN user_settings ON user_id = id WHERE name ^@ 'Zo'"
    assert site.warehouse.conn.execute(kept).fetchall() == [(form["name"], "Asia/Tokyo")]

    for wrong in ({"name": "../anna"}, {"name": "Bo", "timezone": "Mars/Base"}, {"name": ""}):
        refused = site.server.submit("/operator/listener", wrong, operator)
        assert refused.headers["location"] == "/operator"
        assert 'role="status"' in site.server.get("/operator", {**operator, **refused.cookies}).text


def test_what_could_not_be_done_is_said_in_a_sentence(site: Site) -> None:
    form = {"kind": "song", "name": "<i>nothing</i>"}
    sent = site.server.submit("/u/anna/corrections/hide", form, site.cookies)
    shown = site.server.get(sent.headers["location"], {**site.cookies, **sent.cookies}).text
    assert "No song named &#39;&lt;i&gt;nothing&lt;/i&gt;&#39; was played;" in shown
    assert "<code>myi report</code>" in shown


def test_what_a_form_has_done_is_said_once_on_its_page_and_by_nobody_else(site: Site) -> None:
    form = {"id": "4711"}
    for path, page in (("corrections/take-back", "corrections"), ("corrections/undo-import", "imports")):
        sent = site.server.submit(f"/u/anna/{path}", form, site.cookies)
        assert sent.headers["location"] == f"/u/anna/{page}"
        [cookie] = sent.set_cookies
        assert {"HttpOnly", f"Path=/u/anna/{page}", "SameSite=strict", "Max-Age=60"} <= set(cookie.split("; "))
        shown = site.server.get(f"/u/anna/{page}", {**site.cookies, **sent.cookies})
        assert 'class="notice spaced alert" role="status"' in shown.text
        [forgotten] = shown.set_cookies
        assert {f"Path=/u/anna/{page}", "Max-Age=0"} <= set(forgotten.split("; "))
    operator = {f"myi_{site.server.port}": begin_session(site.warehouse.conn, None, Method.LINK, "the operator")}
    for path in ("/u/anna/settings", "/u/anna/corrections", "/u/anna/imports", "/operator"):
        answer = site.server.get(f"{path}?said=Call+this+number&alert=yes", operator)
        assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
        assert "Call this number" not in answer.text
        for odd in ("", "x", "!!!!", "\xff", "_" * 3_000):
            assert site.server.get(path, {**operator, f"myi_{site.server.port}_said": odd}).status == 200


@pytest.mark.parametrize(
    ("path", "missing", "done"),
    [
        ("revoke-token", "There is no such token", "The token is revoked."),
        ("end-session", "There is no such device", "That device is signed out."),
    ],
)
def test_only_what_was_there_is_said_to_be_gone(site: Site, path: str, missing: str, done: str) -> None:
    conn, bob = site.warehouse.conn, site.warehouse.user("bob", "UTC")

    def made(user_id: int) -> int:
        if path == "revoke-token":
            return make_token(conn, user_id, "a test", [Right.READ_STATS]).token.id
        begin_session(conn, user_id, Method.LINK, "a test")
        return max(one.id for one in sessions_of(conn, user_id))

    mine, bobs = made(site.user_id), made(bob)
    for number, sentence in ((bobs, missing), (mine, done), (mine, missing)):
        sent = site.server.submit(f"/u/anna/settings/{path}", {"id": str(number)}, site.cookies)
        assert sentence in site.server.get("/u/anna/settings", {**site.cookies, **sent.cookies}).text


def test_what_is_said_has_a_page_of_any_name_and_a_limit(site: Site) -> None:
    site.warehouse.user("Zoë: 東京", "UTC")
    operator = {f"myi_{site.server.port}": begin_session(site.warehouse.conn, None, Method.LINK, "the operator")}
    path = f"/u/{quote('Zoë: 東京', safe='')}/corrections"
    sent = site.server.submit(f"{path}/hide", {"kind": "song", "name": "\N{GRINNING FACE}" * 2_000}, operator)
    [cookie] = sent.set_cookies
    assert len(cookie) < 4_096
    shown = site.server.get(path, {**operator, **sent.cookies})
    assert "No song named" in shown.text
    for one in (cookie, *shown.set_cookies):
        assert f"Path={path};" in one


def test_a_listener_without_a_linked_account_is_told_how_to_link_one(site: Site) -> None:
    settings = site.get("/u/anna/settings").text
    assert "myi login --user anna" in settings
    assert "Unlink" not in settings
    assert f"{site.server.url}/1/submit-listens" in settings


def test_a_linked_account_can_only_be_unlinked(site: Site) -> None:
    conn, now = site.warehouse.conn, datetime.now(UTC)
    save_authorization(conn, site.user_id, Authorization(b"r", b"a", now, scopes=[]), now)
    try:
        linked = site.get("/u/anna/settings").text
        end_authorization(conn, site.user_id, "revoked", now)
        ended = site.get("/u/anna/settings").text
    finally:
        unlink(conn, site.user_id)
    assert "Linked as anna. Spotify was not asked yet." in linked
    assert "myi login" not in linked
    assert "link it anew" in ended
    assert "myi login --user anna" in ended
    assert all("Unlink" in settings for settings in (linked, ended))


def test_a_week_in_review_is_named_in_its_sentences(site: Site) -> None:
    review = site.get("/u/anna/review/2025-W11", as_user=True, **{"Accept-Language": "en-GB"}).text
    assert "In the week of 10 – 16 Mar 2025 you listened for" in review
    assert "in the week of 3 – 9 Mar 2025" in review


def test_nothing_is_compared_with_a_week_in_which_the_history_had_hardly_begun(site: Site) -> None:
    """The first play is of 1 March, a Saturday."""
    review = site.get("/u/anna/review/2025-W10", as_user=True, **{"Accept-Language": "en-GB"}).text
    assert "In the week of 3 – 9 Mar 2025 you listened for" in review
    assert "That is" not in review


def test_who_is_counted_in_utc_is_asked_for_a_time_zone(site: Site) -> None:
    change = "UPDATE user_settings SET timezone = %s WHERE user_id = %s"
    site.warehouse.conn.execute(change, ["UTC", site.user_id])
    try:
        counted_in_utc = site.get("/u/anna/milestones").text
    finally:
        site.warehouse.conn.execute(change, ["Europe/Berlin", site.user_id])
    asks = '<a href="/u/anna/settings">set your time zone</a>'
    assert asks in counted_in_utc
    assert asks not in site.get("/u/anna/milestones").text


def test_a_badge_needs_a_token_that_may_embed(site: Site) -> None:
    badge = site.get(f"/embed/u/anna/badge.svg?range=all&token={site.token}", as_user=False)
    assert badge.status == 200
    assert badge.headers["content-type"] == "image/svg+xml"
    assert "<script" not in site.get(f"/embed/u/anna/badge.svg?of=artist&range=all&token={site.token}").text
    assert site.get("/embed/u/anna/badge.svg", as_user=False).status == 404


def test_a_day_typed_into_the_form_becomes_a_range(site: Site) -> None:
    answer = site.get("/u/anna/tops?from=2025-03-05&to=2025-03-02&by=time")
    assert answer.status == 303
    assert answer.headers["location"].endswith("/u/anna/tops?range=2025-03-02..2025-03-05&by=time")


@pytest.mark.parametrize(
    ("name", "status"), [("my data.zip", 201), ("../../x.json", 201), ("x.exe", 400), ("東京" * 200 + ".zip", 201)]
)
def test_an_upload_lands_in_the_listeners_folder_or_nowhere(site: Site, name: str, status: int) -> None:
    headers = {
        "Sec-Fetch-Site": "same-origin",
        "Content-Type": "application/octet-stream",
        "Accept": "application/json",
    }
    path = f"/u/anna/imports/upload?file={quote(name)}"
    assert site.server.ask("POST", path, headers, b"PK-like", site.cookies).status == status
    assert site.server.ask("POST", path, headers, b"PK-like").status == 404


BOUNDARY = "boundary-of-a-test"


def part_of(name: str, content: bytes) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    return head.encode() + content + b"\r\n"


def send_form(site: Site, *parts: bytes, length: int | None = None) -> Answer:
    """Send files as a browser without JavaScript does. With `length`, say that there is more, and send no more."""
    body = b"".join(parts) + (b"" if length else f"--{BOUNDARY}--\r\n".encode())
    headers = {
        "Sec-Fetch-Site": "same-origin",
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
        "Accept": "text/html",
        "Content-Length": str(length or len(body)),
    }
    return site.server.ask("POST", "/u/anna/imports/upload", headers, body, site.cookies)


def kept_files(site: Site) -> list[str]:
    return sorted(path.name for path in (site.folder / "uploads").rglob("*") if path.is_file())


def test_a_form_with_files_lands_without_javascript(site: Site) -> None:
    large = os.urandom(3 * 1024 * 1024)
    field = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"\r\n\r\nno file\r\n'.encode()
    sent = send_form(site, part_of("", b""), part_of("one form.zip", large), field, part_of("été.json", b"[]"))
    assert (sent.status, sent.headers["location"][:15]) == (303, "/u/anna/imports")
    folder = site.folder / "uploads" / "anna"
    assert (folder / "one form.zip").read_bytes() == large
    assert (folder / "été.json").read_bytes() == b"[]"
    assert send_form(site, b"nonsense").status == 400


def test_a_form_is_refused_at_the_head_of_a_file_and_not_behind_it(site: Site) -> None:
    """The answer comes before the rest of the body, and nothing of it was kept anywhere."""
    before = kept_files(site)
    head = part_of("x.exe", b"MZ" * 100)
    for parts, length, said in (
        ([head], 400_000_000, "expected the ZIP that Spotify sent"),
        ([part_of("x.zip", b"PK")], uploads.MOST_BYTES + 100_000, "larger than 4 GiB"),
    ):
        refused = send_form(site, *parts, length=length)
        assert refused.status == 400
        assert said in html.unescape(refused.text)
    assert kept_files(site) == before


def test_an_upload_that_finds_no_room_is_refused_before_it_is_sent(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "SPARE_BYTES", 2**60)
    headers = {"Sec-Fetch-Site": "same-origin", "Accept": "application/json", "Content-Length": "100000"}
    path = "/u/anna/imports/upload?file=x.zip"
    for refused in (
        send_form(site, part_of("x.zip", b"PK"), length=100_000),
        site.server.ask("POST", path, headers, b"PK", site.cookies),
    ):
        assert refused.status == 400
        assert "there is no room" in html.unescape(refused.text)


def test_an_upload_removes_what_a_killed_server_left_of_another(tmp_path: Path) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"PK-like"

    parts = [tmp_path / ".incoming" / f"{number}.part" for number in range(2)]
    parts[0].parent.mkdir()
    for part in parts:
        part.write_bytes(b"half of a file")
    os.utime(parts[0], (0, 0))
    anyio.run(uploads.receive, tmp_path, "anna", "export.zip", chunks())
    assert [part.exists() for part in parts] == [False, True]
