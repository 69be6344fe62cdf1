"""``make bench-web ROWS=…``: how long every page and route of the API takes through HTTP, rendering included.

A warehouse of many users, and one with a long history, is served by a process of its own. Each page is asked about many
users, and about the long history: for the first time, again (from what the server keeps), and with the ETag of the
answer; by eight clients at once, and by eight while an export is imported and months of all users are derived again,
each time as if for the first.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from itertools import count, cycle, islice, product
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks import exports, first_sight, maloja, many_users, pipeline
from benchmarks.databases import cluster, database, largest
from benchmarks.many_users import MONTHS
from benchmarks.output import open_console
from myi_pipelines.cli.serve_commands import FACTORY
from myi_pipelines.runtime.ports import free_port
from myi_pipelines.serving.access.sessions import Method, begin_session
from myi_pipelines.warehouse.database.connections import connect

HEAVY = "heavy"
"""The user with a long history."""
YEAR = MONTHS[-4].year - 1
RANGES = (str(YEAR), "all")
CUSTOM = f"{YEAR - 8}-02-12..{YEAR + 1}-07-19"
"""Any two days: both ends lie inside months."""
CLIENTS = 8
BACKFILLED_MONTHS = 24
SEED = 3
PAGE_MS, API_MS, CUSTOM_MS, UNCHANGED_MS = 100.0, 25.0, 150.0, 3.0
"""What the slowest in a hundred may take, alone."""
SECONDS_TO_START = 60
SECONDS_IDLE = 2
"""The server hangs up soon after."""
TIMES_FASTER = 10
"""Than the rival, asked for the first time; asked again at least as fast."""

PAGES = {
    "overview": "/u/{user}?range={range}",
    "tops": "/u/{user}/tops?range={range}",
    "top songs": "/u/{user}/tops/songs?range={range}",
    "top artists": "/u/{user}/tops/artists?range={range}",
    "history": "/u/{user}/history?range={range}",
    "song": "/u/{user}/song/{song}?range={range}",
    "artist": "/u/{user}/artist/{artist}?range={range}",
    "album": "/u/{user}/album/{album}?range={range}",
    "trends": "/u/{user}/trends?range={range}",
    "habits": "/u/{user}/habits?range={range}",
    "search": "/u/{user}/search?q=a",
    "reviews": "/u/{user}/review",
    "review": "/u/{user}/review/{year}",
}
_LISTENER = "/api/v1/users/{user}"
API = {
    "totals": f"{_LISTENER}/totals?range={{range}}",
    "distinct": f"{_LISTENER}/totals/distinct?range={{range}}",
    "not music": f"{_LISTENER}/totals/not-music?range={{range}}",
    "activity": f"{_LISTENER}/activity?range={{range}}&step=day",
    "clock": f"{_LISTENER}/clock?range={{range}}",
    "ways of listening": f"{_LISTENER}/ways-of-listening?range={{range}}",
    "top songs": f"{_LISTENER}/tops/songs?range={{range}}",
    "top recordings": f"{_LISTENER}/tops/songs?of=recordings&range={{range}}",
    "top artists": f"{_LISTENER}/tops/artists?range={{range}}",
    "top albums": f"{_LISTENER}/tops/albums?range={{range}}",
    "top genres": f"{_LISTENER}/tops/genres?range={{range}}",
    "top shows": f"{_LISTENER}/tops/shows?range={{range}}",
    "history": f"{_LISTENER}/history?range={{range}}",
    "history of an artist": f"{_LISTENER}/history?range={{range}}&artist={{artist}}",
    "sessions": f"{_LISTENER}/sessions?range={{range}}",
    "song": f"{_LISTENER}/items/songs/{{song}}?range={{range}}",
    "artist": f"{_LISTENER}/items/artists/{{artist}}?range={{range}}",
    "album": f"{_LISTENER}/items/albums/{{album}}?range={{range}}",
    "artist: best day": f"{_LISTENER}/items/artists/{{artist}}/best-day",
    "artist: clock": f"{_LISTENER}/items/artists/{{artist}}/clock?range={{range}}",
    "artist: years": f"{_LISTENER}/items/artists/{{artist}}/years",
    "artist: neighbours": f"{_LISTENER}/items/artists/{{artist}}/neighbours?range={{range}}",
    "artist: albums": f"{_LISTENER}/items/artists/{{artist}}/albums",
    "search": f"{_LISTENER}/search?q=a",
    "discoveries": f"{_LISTENER}/discoveries?range={{range}}",
    "discovered songs": f"{_LISTENER}/discoveries/songs?range={{range}}",
    "forgotten": f"{_LISTENER}/forgotten",
    "obsessions": f"{_LISTENER}/obsessions?range={{range}}",
    "one-hit wonders": f"{_LISTENER}/one-hit-wonders",
    "streaks": f"{_LISTENER}/streaks?range={{range}}",
    "milestones": f"{_LISTENER}/milestones",
    "number ones": f"{_LISTENER}/number-ones?range={{range}}",
    "on this day": f"{_LISTENER}/on-this-day",
    "releases": f"{_LISTENER}/releases?range={{range}}",
    "diversity": f"{_LISTENER}/diversity?range={{range}}",
    "share heard": f"{_LISTENER}/share-heard?range={{range}}",
    "reviews": f"{_LISTENER}/reviews",
    "review": f"{_LISTENER}/review?range={{year}}",
    "comparison": f"{_LISTENER}/compare?range={{range}}&other={HEAVY}",
    "imports": f"{_LISTENER}/imports",
    "freshness": f"{_LISTENER}/freshness",
    "profile": f"{_LISTENER}",
}
OVER_YEARS = {
    "page: top songs": f"/u/{{user}}/tops/songs?range={CUSTOM}",
    "page: overview": f"/u/{{user}}?range={CUSTOM}",
    "top songs": f"{_LISTENER}/tops/songs?range={CUSTOM}",
    "top recordings": f"{_LISTENER}/tops/songs?of=recordings&range={CUSTOM}",
    "top artists": f"{_LISTENER}/tops/artists?range={CUSTOM}",
    "top albums": f"{_LISTENER}/tops/albums?range={CUSTOM}",
    "totals": f"{_LISTENER}/totals?range={CUSTOM}",
    "distinct": f"{_LISTENER}/totals/distinct?range={CUSTOM}",
    "clock": f"{_LISTENER}/clock?range={CUSTOM}",
}


_asked = count()


class Target(NamedTuple):
    """A user to ask about, with what it played most."""

    user: str
    song: int
    artist: int
    album: int
    artist_name: str


class Asked(NamedTuple):
    """One answer."""

    ms: float
    status: int
    etag: str
    size: int


class Measured(NamedTuple):
    """How long the answers of one page or route took, over users and ranges, in milliseconds."""

    group: str
    name: str
    goal: float
    cold: list[float]
    warm: list[float]
    unchanged: list[float]
    together: list[float]
    beside: list[float]
    """While an export was imported, and months were derived again."""
    size: int
    """Bytes of the largest answer, uncompressed."""


class NotAnswered(Exception):
    """A page was answered with an error."""


class Client:
    """A browser that stays connected and is signed in as the operator."""

    def __init__(self, port: int, cookie: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._cookie = cookie
        self._used = time.monotonic()

    def ask(self, path: str, etag: str = "") -> Asked:
        """Ask and read the whole answer."""
        headers = {"Cookie": self._cookie, "Accept": "application/json" if path.startswith("/api/") else "text/html"}
        if etag:
            headers["If-None-Match"] = etag
        if time.monotonic() - self._used > SECONDS_IDLE:
            self._connection.close()
            self._connection.connect()
        began = time.perf_counter()
        self._connection.request("GET", path, headers=headers)
        answer = self._connection.getresponse()
        body = answer.read()
        took = (time.perf_counter() - began) * 1_000
        self._used = time.monotonic()
        if answer.status not in (200, 204, 304):
            raise NotAnswered(f"{path}: {answer.status} {body[:300]!r}")
        return Asked(took, answer.status, answer.headers.get("ETag", ""), len(body))

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


@contextmanager
def serving(url: str, home: Path) -> Iterator[tuple[int, str]]:
    """Serve a warehouse by a process of its own; its port, and a cookie of the operator's."""
    port = free_port()
    with connect(url) as conn:
        secret = begin_session(conn, None, Method.LINK, "benchmark")
    environment = os.environ | {
        "MYI_HOME": str(home),
        "MYI_DATABASE_URL": url,
        "MYI_REDIS_URL": "redis://127.0.0.1:1/0",
        "MYI_WEB_PORT": str(port),
    }
    program = [sys.executable, "-m", "uvicorn", "--factory", FACTORY, "--port", str(port)]
    with (home / "server.log").open("w") as log:
        server = subprocess.Popen(
            [*program, "--no-access-log", "--log-level", "warning"], env=environment, stdout=log, stderr=log
        )
        try:
            _wait(port, server, home / "server.log")
            yield port, f"myi_{port}={secret}"
        finally:
            server.terminate()
            server.wait(30)


def _wait(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise NotAnswered(f"the server has ended: {log.read_text()[-2_000:]}")
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
                connection.request("GET", "/healthz")
                if connection.getresponse().status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise NotAnswered("the server does not answer")


def targets(port: int, cookie: str, users: Sequence[str]) -> list[Target]:
    """What each user played most, as the API says."""

    def first(user: str, kind: str) -> dict[str, Any]:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            path = f"/api/v1/users/{user}/tops/{kind}?range=all&limit=1"
            connection.request("GET", path, headers={"Cookie": cookie})
            item: dict[str, Any] = json.loads(connection.getresponse().read())["data"][0]["item"]
            return item

    def target(user: str) -> Target:
        artist = first(user, "artists")
        return Target(user, first(user, "songs")["id"], artist["id"], first(user, "albums")["id"], artist["name"])

    return [target(user) for user in users]


class Writing(NamedTuple):
    """Seconds of what writes while people read."""

    import_alone: float
    import_beside: float
    backfill_beside: float


def measure(
    port: int, cookie: str, users: Sequence[Target], *, times: int, export: Path | None = None, url: str = ""
) -> tuple[list[Measured], Writing | None]:
    """Ask for everything about each user; with an export, also while it is imported and months are derived again."""
    found = []
    with closing(Client(port, cookie)) as client:
        for group, name, goal, paths in _questions(users):
            cold = [client.ask(path) for path in paths]
            warm = [client.ask(path).ms for path in paths for _ in range(times)]
            known = [(path, one.etag) for path, one in zip(paths, cold, strict=True) if one.etag]
            again = [client.ask(path, etag) for path, etag in known]
            unchanged = [one.ms for one in again if one.status == 304]
            together = _together(port, cookie, paths * times)
            size = max(one.size for one in cold)
            found.append(Measured(group, name, goal, [one.ms for one in cold], warm, unchanged, together, [], size))
    if export is None:
        return found, None
    alone = _imported(url, export, "importer-alone")
    imported, backfilled, beside = _beside(port, cookie, users, url, export)
    writing = Writing(alone, imported, backfilled)
    return [one._replace(beside=beside.get((one.group, one.name), [])) for one in found], writing


def _questions(users: Sequence[Target]) -> Iterator[tuple[str, str, float, list[str]]]:
    heavy = [one for one in users if one.user == HEAVY]
    many = [one for one in users if one.user != HEAVY] or heavy
    for group, goal, about, ways in (
        ("page", PAGE_MS, many, PAGES),
        ("API", API_MS, many, API),
        (f"API, {CUSTOM}", CUSTOM_MS, many, OVER_YEARS),
        ("page, the long history", PAGE_MS, heavy, PAGES),
        ("API, the long history", API_MS, heavy, API),
        (f"API, {CUSTOM}, the long history", CUSTOM_MS, heavy, OVER_YEARS),
    ):
        if not about:
            continue
        for name, template in ways.items():
            paths = [template.format(range=days, year=YEAR, **one._asdict()) for one, days in product(about, RANGES)]
            yield group, name, goal, list(dict.fromkeys(paths))


def _together(port: int, cookie: str, paths: Sequence[str]) -> list[float]:
    """Eight clients at once, each with its share of the paths."""

    def work(number: int) -> list[float]:
        with closing(Client(port, cookie)) as client:
            return [client.ask(_anew(path)).ms for path in islice(paths, number, None, CLIENTS)]

    with ThreadPoolExecutor(CLIENTS) as pool:
        return [ms for took in pool.map(work, range(CLIENTS)) for ms in took]


def _anew(path: str) -> str:
    """An address under which no answer was kept."""
    return f"{path}{'&' if '?' in path else '?'}asked={next(_asked)}"


def _beside(
    port: int, cookie: str, users: Sequence[Target], url: str, export: Path
) -> tuple[float, float, dict[tuple[str, str], list[float]]]:
    """Ask for one thing after another, eight clients at once, as long as an import and then a backfill run."""
    took: dict[tuple[str, str], list[float]] = {}
    questions = list(_questions(users))
    with ThreadPoolExecutor(1) as pool:
        imported = pool.submit(_imported, url, export, "importer-beside")
        backfilled = pool.submit(_backfilled, url)
        for group, name, _, paths in cycle(questions):
            if backfilled.done():
                break
            took.setdefault((group, name), []).extend(_together(port, cookie, paths[: 2 * CLIENTS]))
        return imported.result(), backfilled.result(), took


def _imported(url: str, export: Path, user: str) -> float:
    """Seconds of an import by a process of its own, for a new user."""
    program = (
        "import sys; from pathlib import Path; from benchmarks import pipeline;"
        " print(pipeline.import_file(sys.argv[1], Path(sys.argv[2]), user=sys.argv[3]).whole)"
    )
    return _seconds(program, url, str(export), f"{user}-{time.time_ns()}")


def _backfilled(url: str) -> float:
    """Seconds of deriving months of all users again, by a process of its own."""
    program = "import sys; from benchmarks import pipeline; print(pipeline.backfill(sys.argv[1], int(sys.argv[2])))"
    return _seconds(program, url, str(BACKFILLED_MONTHS))


def _seconds(program: str, *arguments: str) -> float:
    done = subprocess.run([sys.executable, "-c", program, *arguments], check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def show(console: Console, measured: Sequence[Measured], writing: Writing | None) -> None:
    """Print the table, and whether what was to be reached was."""
    table = Table(title="Through HTTP (ms, p50 / p99)", title_justify="left")
    table.add_column("what")
    for name in ("first", "again", "unchanged", f"{CLIENTS} clients", "beside writing", "bytes"):
        table.add_column(name, justify="right")
    table.add_column("goal, alone")
    group = ""
    for one in measured:
        if one.group != group:
            group = one.group
            table.add_section()
            table.add_row(f"[bold]{group}[/bold]", *[""] * 7)
        alone = percentile([*one.cold, *one.warm], 99)
        verdict = "reached" if alone <= one.goal else "missed"
        ways = (one.cold, one.warm, one.unchanged, one.together, one.beside)
        table.add_row(
            f"  {one.name}", *(_both(took) for took in ways), f"{one.size:,}", f"p99 ≤ {one.goal:.0f}: {verdict}"
        )
    console.print(table)
    unchanged = [ms for one in measured for ms in one.unchanged]
    if unchanged:
        worst = percentile(unchanged, 99)
        console.print(f"304: p99 {worst:.1f} ms (≤ {UNCHANGED_MS:.0f}: {_verdict(worst <= UNCHANGED_MS)})")
    if writing:
        alone, beside, backfill = writing
        console.print(
            f"the import: {alone:.1f} s alone, {beside:.1f} s beside {CLIENTS} readers, {beside / alone:.2f} times"
            f" (≤ 1.3: {_verdict(beside <= 1.3 * alone)}); {BACKFILLED_MONTHS} months derived again beside them in"
            f" {backfill:.1f} s"
        )


def show_rival(console: Console, rivalries: Sequence[maloja.Rivalry]) -> None:
    """Print both in milliseconds, and how many times faster ours is."""
    table = Table(title=f"Beside Maloja, the same plays of one user (ms; at least {TIMES_FASTER} times faster first)")
    table.add_column("page")
    for name in ("ours, first", "Maloja's", "times faster", "ours, again", "Maloja's", "times faster"):
        table.add_column(name, justify="right")
    for one in rivalries:
        table.add_row(
            one.name,
            f"{one.ours_first:.1f}",
            f"{one.theirs_first:.1f}",
            f"{one.theirs_first / one.ours_first:.1f}",
            f"{one.ours_again:.1f}",
            f"{one.theirs_again:.1f}",
            f"{one.theirs_again / one.ours_again:.1f}",
        )
    console.print(table)


def show_sights(console: Console, sights: Sequence[first_sight.Sight]) -> None:
    """Print what a person sees first of the overview: the first of all answers is made, the others are kept."""
    title = f"The overview in a browser, a processor {first_sight.SLOWER} times as slow"
    table = Table(title=title, title_justify="left")
    for name in ("what", "first", "median", "goal"):
        table.add_column(name)
    rows = (
        ("kB over the wire", [one.kilobytes for one in sights], first_sight.MOST_KB),
        ("largest part painted, ms", [one.lcp_ms for one in sights], first_sight.LCP_MS),
        ("movement", [one.cls for one in sights], first_sight.MOST_CLS),
        ("pages asked for", [float(one.documents) for one in sights], 1.0),
    )
    for name, values, goal in rows:
        verdict = _verdict(max(values) <= goal)
        table.add_row(name, f"{values[0]:.3g}", f"{statistics.median(values):.3g}", f"≤ {goal:g}: {verdict}")
    console.print(table)


def percentile(took: Sequence[float], which: int) -> float:
    """A percentile of some times; of one time, itself."""
    if len(took) < 2:
        return took[0]
    return statistics.quantiles(took, n=100, method="inclusive")[which - 1]


def _both(took: Sequence[float]) -> str:
    return f"{percentile(took, 50):.1f} / {percentile(took, 99):.1f}" if took else "–"


def _verdict(reached: bool) -> str:
    return "reached" if reached else "missed"


def main() -> None:
    """Build, serve, measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.web", description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000, help="plays of many users (default: 2,000,000)")
    parser.add_argument("--heavy-rows", type=int, default=300_000, help="plays of one user (default: 300,000)")
    parser.add_argument("--import-rows", type=int, default=300_000, help="plays imported beside readers; 0: none")
    parser.add_argument("--users", type=int, default=30, help="users asked about (default: 30)")
    parser.add_argument("--times", type=int, default=3, help="times that each is asked again (default: 3)")
    parser.add_argument("--maloja", type=Path, help="the executable of Maloja, in a venv of its own, to compare with")
    parser.add_argument("--kept", type=Path, help="folder of benchmarks.scale --keep, whose largest warehouse is asked")
    options = parser.parse_args()
    console = open_console()
    with tempfile.TemporaryDirectory(prefix="myi-web-") as name, ExitStack() as stack:
        folder = Path(name)
        status = stack.enter_context(console.status("starting"))
        if options.kept:
            url = largest(stack.enter_context(cluster(options.kept / "server", keep=True)))
        else:
            url = database(stack.enter_context(cluster(folder / "server")), "web")
            many_users.build(url, plays=options.rows, on_step=status.update)
        status.update(f"importing {options.heavy_rows:,} plays of one user")
        exports.write_export(folder / "heavy.zip", rows=options.heavy_rows, seed=SEED, years=12)
        pipeline.import_file(url, folder / "heavy.zip", user=HEAVY)
        export = None
        if options.import_rows:
            export = folder / "import.zip"
            exports.write_export(export, rows=options.import_rows, seed=SEED + 1, years=12)
        with connect(url) as conn:
            conn.execute("VACUUM (ANALYZE)")
            users = [one.name for one in many_users.some_users(conn, options.users)]
        if options.maloja:
            status.update("importing the long history into Maloja")
            rival = stack.enter_context(maloja.serving(options.maloja.resolve(), folder / "heavy.zip", folder))
            port, cookie = stack.enter_context(serving(url, folder))
            [heavy] = targets(port, cookie, [HEAVY])
            asked_both = maloja.pages(HEAVY, heavy.artist, heavy.artist_name)
            show_rival(console, maloja.compare(port, cookie, rival, asked_both))
        port, cookie = stack.enter_context(serving(url, folder))
        status.update("asking")
        asked = targets(port, cookie, [HEAVY, *users])
        measured, writing = measure(port, cookie, asked, times=options.times, export=export, url=url)
        show(console, measured, writing)
        if program := first_sight.browser():
            status.update("looking at the overview")
            name, _, secret = cookie.partition("=")
            address = f"http://127.0.0.1:{port}/u/{HEAVY}?range={YEAR}"
            show_sights(console, first_sight.look(program, address, (name, secret)))
        else:
            console.print("no browser is installed: what a person sees first was not measured")


if __name__ == "__main__":
    main()
