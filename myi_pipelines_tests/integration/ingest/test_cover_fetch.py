"""Pictures of the most played albums and artists are kept, in the right size, from known hosts only."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg
import pytest
from psycopg.types.json import Jsonb

from myi_pipelines.ingest.spotify import cover_fetch
from myi_pipelines.ingest.spotify.cover_fetch import fetch_covers, image_hosts
from myi_pipelines.serving.queries.cover_images import Pictured, cover_image, kept_covers
from myi_pipelines.settings import Settings, load_settings
from myi_pipelines.simulator import Simulator

PNG = b"\x89PNG\r\n\x1a\nand so on"


@contextmanager
def serving(
    files: dict[str, tuple[int, bytes, dict[str, str]]], logins: list[str | None] | None = None
) -> Iterator[tuple[str, list[str]]]:
    """A host of pictures: its address, and the paths that were asked for. ``logins`` gets Authorization headers."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            if logins is not None:
                logins.append(self.headers["Authorization"])
            status, body, headers = files.get(self.path, (404, b"", {}))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class' name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def settings_for(address: str, **settings: object) -> Settings:
    return load_settings(spotify_api_url=address, **settings)


def add_album(conn: psycopg.Connection, number: int, plays: int, sizes: dict[int, str]) -> int:
    """An album with pictures by width, the largest first, that a user played."""
    user_id = conn.execute(
        "INSERT INTO users (name) VALUES ('ada') ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id"
    ).fetchone()
    spotify_id = f"{number:022d}"
    urls = [{"url": url, "width": width, "height": width} for width, url in sizes.items()]
    conn.execute(
        "INSERT INTO spotify_objects (object_type, spotify_id, payload) VALUES ('album', %s, %s)",
        [spotify_id, Jsonb({"name": spotify_id, "images": urls})],
    )
    album = conn.execute(
        "INSERT INTO albums (spotify_id, name, image_url) VALUES (%s, %s, %s) RETURNING id",
        [spotify_id, spotify_id, urls[0]["url"]],
    ).fetchone()
    assert user_id is not None
    assert album is not None
    conn.execute(
        "INSERT INTO user_album_stats (user_id, album_id, play_count, total_ms, first_played_at, last_played_at)"
        " VALUES (%s, %s, %s, 1000, now(), now())",
        [user_id[0], album[0], plays],
    )
    return int(album[0])


def kept(conn: psycopg.Connection) -> dict[str, bool]:
    """Whether there is a picture, by the address under which it is kept."""
    return dict(conn.execute("SELECT image_url, content IS NOT NULL FROM cover_images").fetchall())


def test_the_smallest_size_that_is_large_enough_is_kept_under_the_largest(conn: psycopg.Connection) -> None:
    with serving({"/300": (200, PNG, {}), "/640": (200, PNG + b"large", {})}) as (address, asked):
        sizes = {640: f"{address}/640", 300: f"{address}/300", 64: f"{address}/64"}
        album_id = add_album(conn, 1, 5, sizes)
        before = conn.execute("SELECT version FROM catalog_version").fetchone()
        done = fetch_covers(conn, settings_for(address))
        assert (done.fetched, done.failed, done.stopped) == (1, 0, None)
        assert asked == ["/300"]
        assert conn.execute("SELECT version FROM catalog_version").fetchone() != before, "pages show the picture"
        keys = kept_covers(conn, Pictured.ALBUM, [album_id, album_id + 1])
        assert list(keys) == [album_id]
        assert cover_image(conn, keys[album_id]) == ("image/png", PNG)
        assert fetch_covers(conn, settings_for(address)).fetched == 0
        assert asked == ["/300"]


def test_the_simulators_pictures_are_drawn_and_kept(conn: psycopg.Connection, simulator: Simulator) -> None:
    artist = "ab67616100005174" + 24 * "7"
    album_id = add_album(conn, 1, 5, {320: f"{simulator.url}/image/{artist}"})
    assert fetch_covers(conn, settings_for(simulator.url)).fetched == 1
    image = cover_image(conn, kept_covers(conn, Pictured.ALBUM, [album_id])[album_id])
    assert image is not None
    assert image.media_type == "image/png"


def test_what_is_no_picture_or_too_large_or_elsewhere_is_not_kept_nor_asked_for_again(conn: psycopg.Connection) -> None:
    with serving({}) as (elsewhere, asked_elsewhere):
        files = {
            "/html": (200, b"<html>", {}),
            "/large": (200, PNG + bytes(cover_fetch.LARGEST_IMAGE), {}),
            "/moved": (302, b"", {"Location": f"{elsewhere}/moved"}),
        }
        with serving(files) as (address, asked):
            addresses = [f"{address}{path}" for path in (*files, "/gone")]
            addresses += [f"{elsewhere}/x", "file:///etc/passwd", "http://i.scdn.co/image/plain", "no address"]
            for number, url in enumerate(addresses):
                add_album(conn, number, 100 - number, {300: url})
            done = fetch_covers(conn, settings_for(address))
            assert (done.fetched, done.failed, done.stopped) == (0, 8, None)
            assert kept(conn) == dict.fromkeys(addresses, False)
            assert sorted(asked) == ["/gone", "/html", "/large", "/moved"]
            assert asked_elsewhere == []
            assert fetch_covers(conn, settings_for(address)).failed == 0


def test_a_host_that_does_not_answer_ends_the_run_and_nothing_is_held_against_its_pictures(
    conn: psycopg.Connection,
) -> None:
    with serving({f"/{number}": (503, b"", {}) for number in range(20)}) as (address, asked):
        for number in range(20):
            add_album(conn, number, 100 - number, {300: f"{address}/{number}"})
        done = fetch_covers(conn, settings_for(address))
    assert done.stopped == "Spotify's image hosts do not answer"
    assert len(asked) == cover_fetch.AT_ONCE * cover_fetch.GIVE_UP_AFTER
    assert kept(conn) == {}


def test_a_host_of_pictures_gets_no_password_of_a_netrc(
    conn: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login someone password hers\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    logins: list[str | None] = []
    with serving({"/300": (200, PNG, {})}, logins) as (address, _):
        add_album(conn, 1, 5, {300: f"{address}/300"})
        assert fetch_covers(conn, settings_for(address)).fetched == 1
    assert logins == [None]


@pytest.mark.parametrize("kind", ["trickle", "trickle_headers"])
def test_a_picture_that_trickles_is_given_up(
    kind: str, conn: psycopg.Connection, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cover_fetch, "SECONDS", 0.5)
    simulator.control.fault(kind, path_prefix="/image/trickling", times=None, seconds=30)
    for number in range(4):
        add_album(conn, number, 5, {320: f"{simulator.url}/image/trickling{number}"})
    assert fetch_covers(conn, settings_for(simulator.url)).fetched == 0
    assert kept(conn) == {}, "nothing is held against it"


def test_only_as_many_as_wanted_of_the_most_played_stay(conn: psycopg.Connection) -> None:
    with serving({f"/{number}": (200, PNG, {}) for number in range(4)}) as (address, _):
        for number in range(4):
            add_album(conn, number, 100 - number, {300: f"{address}/{number}"})
        assert fetch_covers(conn, settings_for(address), limit=3).fetched == 3
        assert fetch_covers(conn, settings_for(address, cover_images=2)).removed == 1
        assert kept(conn) == {f"{address}/0": True, f"{address}/1": True}
        assert fetch_covers(conn, settings_for(address, cover_images=0)).removed == 2


@pytest.mark.parametrize("address", ["https://api.spotify.com", "http://127.0.0.1:4000"])
def test_only_spotifys_hosts_are_asked_and_that_of_a_simulated_one(address: str) -> None:
    hosts = image_hosts(settings_for(address))
    assert hosts - cover_fetch.IMAGE_HOSTS == ({"127.0.0.1:4000"} if "127" in address else set())
