"""Every page in a real browser: nothing wrong for a screen reader, no error, nothing asked of another host, no page
wider than its window, in both themes; and what people do there from page to page."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle, islice
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple

import axe_playwright_python
import pytest

from myi_pipelines.ingest.uploads.landing_files import WaitingFile, land_file
from myi_pipelines.serving.access.links import make_link
from myi_pipelines.serving.access.sessions import Method, begin_session
from myi_pipelines.serving.access.tokens import make_token
from myi_pipelines.serving.access.viewers import Right
from myi_pipelines.serving.playing_now import keep_playing_now
from myi_pipelines.serving.process import assembled
from myi_pipelines.serving.web.charts.bump import Lane, bump
from myi_pipelines.simulator.sample import write_sample
from myi_pipelines.sources.exports import Limits
from myi_pipelines.warehouse.database.connections import connect
from myi_pipelines_tests.support import browser as browsers
from myi_pipelines_tests.support.shared_servers import SessionServers, database_name
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse
from myi_pipelines_tests.support.web import Server, serving, web_context

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        browsers.installed() is None, reason="no browser is installed: `apt-get install chromium` brings one"
    ),
]

SHOTS = os.environ.get("MYI_SCREENSHOTS")
"""A folder for pictures of all pages; without it none are made."""
WIDTHS = (1440, 768, 360)
THEMES = ("light", "dark")
EVIL = "<img src=x onerror=alert(1)>\"'&"
LONG = "Concerto for Someone with a Name that Does not End " * 4
NAMES = (EVIL, LONG, "宇多田ヒカル", "שלמה ארצי", "فيروز", "!!!", "Ő")
SWITCHES = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update"),
]
PATHS = (
    "",
    "?range=all&by=time",
    "?range=2025-03",
    "tops",
    "tops?of=recordings",
    "tops/artists?range=all",
    "tops/albums",
    "tops/genres",
    "tops/shows?range=all",
    "history",
    "history?range=2025-03-05",
    "history?hour=20&weekday=2&range=all",
    "trends",
    "habits",
    "discoveries",
    "on-this-day",
    "milestones",
    "spotify",
    "compare",
    "search?q=a",
    "review",
    "review/2025",
    "review/2025-03",
    "imports",
    "corrections",
    "settings",
)


class Site(NamedTuple):
    """A running web server over a warehouse with listeners."""

    server: Server
    warehouse: Warehouse
    uploads: Path
    cookies: dict[str | None, str]
    """The secret of a session for each listener; None is the operator's."""


@pytest.fixture(scope="module")
def site(session_servers: SessionServers, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Site]:
    """Ada has two years of history, odd has odd names, one has one play, none has nothing yet."""
    folder = tmp_path_factory.mktemp("site")
    with (
        session_servers.database(database_name("pages-in-a-browser", worker_id)) as url,
        open_warehouse(url) as warehouse,
    ):
        users = {}
        for one in write_sample(folder / "sample", users=1, years=2, plays=1_500, end=date(2025, 10, 31)):
            users["ada"] = warehouse.user("ada", one.timezone)
            for path in one.files:
                land_file(warehouse.session(), WaitingFile(path, users["ada"], Limits()))
        for name, rows in (("odd", [row(NAMES[n % 7], n) for n in range(40)]), ("one", [row("Alone", 1)])):
            users[name] = warehouse.user(name, "Asia/Jerusalem")
            path = folder / f"Streaming_History_Audio_{name}.json"
            path.write_text(json.dumps(rows))
            land_file(warehouse.session(), WaitingFile(path, users[name], Limits()))
        users["none"] = warehouse.user("none", "UTC")
        warehouse.settle(users.values())
        warehouse.conn.execute("UPDATE user_settings SET allows_comparison = true")
        context = web_context(url, folder, uploads=folder / "uploads")
        with closing(connect(url)) as owner:
            whose: list[tuple[str | None, int | None]] = [*users.items(), (None, None)]
            cookies = {name: begin_session(owner, user, Method.LINK, "a test") for name, user in whose}
        with serving(assembled(context)) as server:
            yield Site(server, warehouse, folder / "uploads", cookies)


def row(name: str, number: int) -> dict[str, object]:
    """A row of an export, a play on one of the last days of October 2025."""
    ended = datetime(2025, 10, 1, 18, tzinfo=UTC) + timedelta(hours=11 * number)
    return {
        "ts": f"{ended:%Y-%m-%dT%H:%M:%SZ}",
        "ms_played": 200_000 + number,
        "master_metadata_track_name": name,
        "master_metadata_album_artist_name": f"{name} & Co",
        "master_metadata_album_album_name": f"{name} II",
        "spotify_track_uri": f"spotify:track:{number % 7:022d}",
        "platform": "ios",
        "conn_country": "IL",
        "reason_start": "clickrow",
        "reason_end": "trackdone",
        "shuffle": False,
        "skipped": False,
        "offline": False,
        "incognito_mode": False,
    }


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=browsers.installed(), args=SWITCHES)
        yield running
        running.close()


@contextmanager
def opened(site: Site, browser: Browser, user: str | None, *, scripts: bool = True) -> Iterator[Page]:
    """A tab in which somebody is signed in. Fails for errors, dialogs and requests to other hosts."""
    context: BrowserContext = browser.new_context(
        locale="en-GB", java_script_enabled=scripts, viewport={"width": 1440, "height": 900}
    )
    context.add_cookies(
        [{"name": f"myi_{site.server.port}", "value": site.cookies[user], "url": site.server.url, "httpOnly": True}]
    )
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: wrong.append(f"a dialog: {dialog.message}"))
    page.on("request", lambda sent: None if sent.url.startswith((site.server.url, "blob:")) else wrong.append(sent.url))
    try:
        yield page
        assert not wrong
    finally:
        context.close()


def address(site: Site, user: str, path: str) -> str:
    return f"{site.server.url}/u/{user}{'' if not path or path.startswith('?') else '/'}{path}"


AXE = "axe.run(document, {preload: false, resultTypes: ['violations'], selectors: false})"
ALIKE = """() => {
  const counts = new Map();
  const kinds = "li, tr, td, option, dt, dd, .options > a, .day, .session, svg > a, svg > g, svg rect, svg text";
  for (const one of document.querySelectorAll(kinds)) {
    const seen = counts.get(one.parentNode) ?? counts.set(one.parentNode, {}).get(one.parentNode);
    seen[one.tagName] = (seen[one.tagName] ?? 0) + 1;
    if (seen[one.tagName] > 3) one.remove();
  }
}"""
"""Of many alike, three stay: a screen reader's rules say the same of all, and looking at each takes minutes."""


COMBINATIONS = [(theme, width) for theme in THEMES for width in WIDTHS]


def check_looks(page: Page, name: str, with_axe: Sequence[tuple[str, int]] = COMBINATIONS) -> list[str]:
    """What is wrong with a page in each width and theme; for axe, which takes seconds, in those that are named."""
    found = []
    for theme, width in COMBINATIONS:
        look(page, theme, width)
        if (wide := page.evaluate("document.documentElement.scrollWidth")) > width:
            found.append(f"{name}: {wide} pixels wide in a window of {width}")
        if SHOTS:
            Path(SHOTS).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=f"{SHOTS}/{re.sub(r'[^a-z0-9]+', '-', name)}-{theme}-{width}.png", full_page=True)
    page.evaluate(ALIKE)
    page.evaluate((Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text())
    for theme, width in with_axe:
        look(page, theme, width)
        for violation in page.evaluate(AXE)["violations"]:
            nodes = [node["html"][:160] for node in violation["nodes"][:2]]
            found.append(f"{name}, {theme}, {width}: {violation['id']}: {nodes}")
    return found


def look(page: Page, theme: str, width: int) -> None:
    """Change the window's width and the system's theme."""
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 900})


@pytest.mark.long
@pytest.mark.parametrize(
    "axe_looks_in",
    [pytest.param(1, id="axe in one of them"), pytest.param(6, id="axe in all", marks=pytest.mark.thorough)],
)
def test_every_page_is_well_in_each_width_and_theme(site: Site, browser: Browser, axe_looks_in: int) -> None:
    turn = cycle(COMBINATIONS)
    found: list[str] = []

    def check(page: Page, name: str) -> None:
        found.extend(check_looks(page, name, list(islice(turn, axe_looks_in))))

    with opened(site, browser, "ada") as page:
        for path in PATHS:
            answer = page.goto(address(site, "ada", path))
            assert answer is not None
            assert answer.status == 200, path
            check(page, f"ada-{path}")
        for kind, lists in (("song", "tops"), ("artist", "tops/artists"), ("album", "tops/albums")):
            page.goto(address(site, "ada", f"{lists}?range=all"))
            page.locator(f"a.name[href*='/{kind}/']").first.click()
            check(page, kind)
    with opened(site, browser, None) as page:
        page.goto(f"{site.server.url}/operator")
        check(page, "operator")
    assert found == []


ODD_PATHS = {
    "odd": ("?range=all", "tops?range=all", "history?range=all", "trends", "habits", "review/2025", "search?q=i"),
    "one": ("?range=all", "history?range=all", "trends", "habits", "review/2025"),
    "none": ("", "imports", "search?q=i"),
}


@pytest.mark.long
@pytest.mark.thorough
def test_odd_names_one_play_and_none_are_well_too(site: Site, browser: Browser) -> None:
    found: list[str] = []
    for user, paths in ODD_PATHS.items():
        with opened(site, browser, user) as page:
            for path in paths:
                page.goto(address(site, user, path))
                assert page.locator("main img[onerror]").count() == 0
                found += check_looks(page, f"{user}-{path}")
    assert found == []


def test_the_range_goes_along_from_page_to_page(site: Site, browser: Browser) -> None:
    with opened(site, browser, "ada") as page:
        page.goto(address(site, "ada", ""))
        page.locator(".range summary").click()
        page.locator(".sheet a", has_text=re.compile("^2024$")).click()
        page.locator("nav[aria-label=Pages] a", has_text="Tops").click()
        page.locator("nav[aria-label=Kind] a", has_text="Artists").click()
        page.wait_for_url("**/tops/artists**", wait_until="load")  # scripts have run
        assert "range=2024" in page.url
        page.keyboard.press("ArrowLeft")
        page.wait_for_url("**range=2023**")
        page.locator(".ranks .value a").first.click()
        assert "range=2023" in page.url
        assert page.locator(".chip").count() == 1
        total = sum(1 for _ in page.locator(".play").all())
        assert total > 0


def test_bars_of_a_list_are_on_one_scale_in_each_width(site: Site, browser: Browser) -> None:
    """However long the values beside them are."""
    with opened(site, browser, "ada") as page:
        page.goto(address(site, "ada", "tops/artists?range=all"))
        for width in (390, 768, 1440):
            look(page, "light", width)
            bars = page.locator(".ranks.full .bar-line").all()
            assert len(bars) > 20
            assert len({one.bounding_box()["width"] for one in bars}) == 1, width  # type: ignore[index]


def test_what_begins_a_line_on_a_phone_begins_at_the_margin(site: Site, browser: Browser) -> None:
    """Also beside parts of the bar and of the foot that are empty."""
    lefts = "all => all.map(one => Math.round(one.getBoundingClientRect().x))"
    with opened(site, browser, None) as page:
        look(page, "light", 390)
        for user, path, lines in (("ada", "spotify", "h1, .find"), ("none", "imports", "h1")):
            page.goto(address(site, user, path))
            begins = page.eval_on_selector_all(lines, lefts)
            assert len(begins) == len(lines.split(",")), path
            foot = page.eval_on_selector_all(".foot p:not(:empty)", lefts)
            assert {*begins, foot[0]} == {16}, path


RANKED = ("Marmalade Weather Dept.", "Gergő Kowalczyk", "Camerata Almafa", "Father Noonan’s Boat", "Joana Nakagawa")
CUT = """() => Array.from(document.querySelectorAll(".ending, .ending > span, .ends li, .ends a"))
  .filter(one => one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + 1)
  .map(one => one.textContent)"""


def test_the_chart_of_ranks_cuts_no_usual_name(site: Site, browser: Browser) -> None:
    """Nine years, in each of which one name ends, and the last ones stand at the right."""
    years = range(2018, 2027)
    lanes = [
        Lane(name, [1 + (place + at) % 5 if at < 5 + place else None for at, _ in enumerate(years)], "/")
        for place, name in enumerate(RANKED)
    ]
    chart = bump("Ranks", lanes, [str(year) for year in years], places=5)
    with opened(site, browser, "ada") as page:
        page.goto(address(site, "ada", "trends"))
        page.evaluate("chart => document.querySelector('main .wrap').innerHTML = chart", str(chart))
        for width in (390, 700, 850, 1000, 1440):
            look(page, "light", width)
            assert page.locator(".ending, .ends a").count() == len(RANKED)
            assert page.evaluate(CUT) == [], width


@pytest.mark.parametrize(("width", "height"), [(1440, 560), (740, 360), (390, 560), (390, 844), (1000, 700)])
def test_the_range_menu_is_reached_in_a_low_window(site: Site, browser: Browser, width: int, height: int) -> None:
    with opened(site, browser, "one") as page:
        page.goto(address(site, "one", "tops?range=2025"))
        page.set_viewport_size({"width": width, "height": height})
        page.locator(".range summary").click()
        page.evaluate("document.querySelector('.sheet').scrollTo(0, 10_000)")
        shown = page.locator(".between button").bounding_box()
        assert shown is not None
        assert page.evaluate("scrollY") == 0
        assert shown["y"] + shown["height"] <= height
        assert shown["y"] >= 0


def test_search_finds_as_one_types_and_without_scripts(site: Site, browser: Browser) -> None:
    with opened(site, browser, "odd") as page:
        page.goto(address(site, "odd", ""))
        page.keyboard.press("/")
        page.keyboard.type("宇多")
        page.locator(".found a").first.wait_for()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.wait_for_selector("h1:has-text('宇多田ヒカル')")
    with opened(site, browser, "odd", scripts=False) as page:
        page.goto(address(site, "odd", ""))
        page.locator(".find input").fill("宇多")
        page.locator(".find input").press("Enter")
        assert page.locator(".results a").count() >= 1


def test_a_year_in_review_has_a_picture_to_share(site: Site, browser: Browser) -> None:
    with opened(site, browser, "ada") as page:
        page.goto(address(site, "ada", "review"))
        page.locator("h2.year a", has_text="2025").click()
        page.wait_for_url("**/review/2025**", wait_until="load")
        assert page.locator(".statement").count() > 4
        with page.expect_download() as downloading:
            page.locator("a[download$='.png']").click()
        assert Path(downloading.value.path()).read_bytes().startswith(b"\x89PNG")


def test_a_token_is_made_used_and_revoked(site: Site, browser: Browser) -> None:
    with opened(site, browser, "ada") as page:
        page.goto(address(site, "ada", "settings"))
        form = page.locator("form[action$='make-token']")
        form.locator("[name=name]").fill("a program")
        form.locator("[value='stats:read']").check()
        form.locator("button").click()
        token = page.locator(".notice + .code").inner_text()
        asked = page.request.get(
            f"{site.server.url}/api/v1/users/ada/totals?range=2025", headers={"Authorization": f"Bearer {token}"}
        )
        assert asked.json()["data"]["current"]["play_count"] > 0
        page.goto(address(site, "ada", "settings"))
        row = page.locator("li", has_text="a program")
        assert "last used" in row.inner_text()
        assert token not in page.content()
        row.locator("button").click()
        page.locator("[role=status]", has_text="revoked").wait_for()
    other = {"Authorization": f"Bearer {token}"}
    assert site.server.ask("GET", "/api/v1/users/ada/totals", other).status == 401


def test_a_link_signs_in_at_one_click_without_scripts(site: Site, browser: Browser) -> None:
    with closing(connect(site.warehouse.conn.info.dsn)) as owner:
        link = make_link(owner, site.warehouse.user("one", "Asia/Jerusalem"))
    with opened(site, browser, None, scripts=False) as page:
        page.context.clear_cookies()
        page.goto(site.server.url + link)
        page.goto(site.server.url + link)
        page.locator("main button").click()
        page.wait_for_url("**/u/one")


def test_pages_of_others_may_embed_cards_and_nothing_else(site: Site, browser: Browser) -> None:
    with closing(connect(site.warehouse.conn.info.dsn)) as owner:
        token = make_token(owner, site.warehouse.user("odd", "Asia/Jerusalem"), "a blog", [Right.READ_EMBED]).text
    card = f"{site.server.url}/embed/u/odd/card.svg?range=all&token={token}"
    page = browser.new_page()
    refused: list[str] = []
    page.on("console", lambda said: refused.append(said.text) if said.type == "error" else None)
    shown = f'<img src="{card}"><iframe name="card" src="{card}"></iframe><iframe name="page" src="{site.server.url}">'

    class Blog(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(shown.encode())

        def log_message(self, *arguments: object) -> None:
            pass

    blog = ThreadingHTTPServer(("127.0.0.1", 0), Blog)
    Thread(target=blog.serve_forever, daemon=True).start()
    try:
        page.goto(f"http://localhost:{blog.server_port}/")
        assert page.evaluate("document.images[0].naturalWidth") > 0
        [framed] = [frame for frame in page.frames if frame.name == "card"]
        assert framed.locator("text").count() > 0
        assert framed.evaluate("document.querySelectorAll('script').length") == 0
        [own] = [frame for frame in page.frames if frame.name == "page"]
        assert own.locator("main").count() == 0
        assert refused, "the browser showed a page of ours in a page of another"
    finally:
        page.close()
        blog.shutdown()
        blog.server_close()
    answer = site.server.get(f"/embed/u/odd/card.svg?range=all&token={token}")
    policy = answer.headers["content-security-policy"]
    assert "frame-ancestors *" in policy
    assert "default-src 'none'" in policy
    assert "'unsafe-inline'" not in policy


def test_a_first_visit_leads_from_an_upload_to_the_overview(site: Site, browser: Browser, tmp_path: Path) -> None:
    export = tmp_path / "Streaming_History_Audio_2025.json"
    export.write_text(json.dumps([row("First", number) for number in range(5)]))
    with opened(site, browser, None) as page:
        page.goto(f"{site.server.url}/operator")
        zone = page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
        page.get_by_label("Name").fill("newcomer")
        assert page.get_by_label("Time zone").input_value() == zone
        page.get_by_role("button", name="Add").click()
        page.wait_for_url(address(site, "newcomer", "imports"))
        [(user_id,)] = site.warehouse.conn.execute("SELECT id FROM users WHERE name = 'newcomer'").fetchall()
        page.goto(address(site, "newcomer", ""))
        page.locator("a", has_text="Drop your export here").click()
        page.locator("input[type=file]").set_input_files(export)
        page.locator("#live", has_text=export.name).wait_for()
        waiting = site.uploads / "newcomer" / export.name
        assert waiting.read_bytes() == export.read_bytes()
        land_file(site.warehouse.session(), WaitingFile(waiting, user_id, Limits()))
        site.warehouse.settle([user_id])
        waiting.unlink()
        page.goto(address(site, "newcomer", "?range=all"))
        assert "minutes" in page.locator("h1").inner_text() or "min" in page.locator("h1").inner_text()


def test_what_is_playing_is_a_line_until_it_is_over(site: Site, browser: Browser) -> None:
    [(user_id,)] = site.warehouse.conn.execute("SELECT id FROM users WHERE name = 'ada'").fetchall()

    def say(name: str, seconds: int) -> None:
        said = {"track_name": name, "artist_name": LONG, "release_name": EVIL}
        keep_playing_now(site.warehouse.conn, user_id, said, seconds)

    try:
        say(LONG, 600)
        with opened(site, browser, "ada", scripts=False) as page:
            for path in ("", "history"):
                page.goto(address(site, "ada", path))
                assert "Playing now" in page.locator("#playing").inner_text()
        with opened(site, browser, "ada") as page:
            page.goto(address(site, "ada", ""))
            assert check_looks(page, "playing", [("light", 360), ("dark", 1440)]) == []
            say("For a moment", 8)
            page.goto(address(site, "ada", ""))
            assert "For a moment" in page.locator("#playing").inner_text()
            page.evaluate("window.same = true")
            page.locator("#playing .said").wait_for(state="detached")
            assert page.evaluate("window.same"), "the rest of the page stays"
    finally:
        site.warehouse.conn.execute("DELETE FROM playing_now")
