"""Enrichment against the simulated Spotify: what is stored, and how many calls that takes."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis

from myi_pipelines.ingest.spotify.metadata_fetch import enrich, reason_to_skip
from myi_pipelines.simulator import Simulator
from myi_pipelines.simulator.control import TrackInfo
from myi_pipelines.sources.spotify.rate_limits import EndpointGroup
from myi_pipelines.warehouse.metadata_backlog import latest_run, wanted
from myi_pipelines_tests.support.metadata_fixtures import MetadataHarness, open_metadata_harness

pytestmark = pytest.mark.slow

MISSING = """
    SELECT count(*)
    FROM tracks
    LEFT JOIN spotify_objects AS o ON o.object_type = 'track' AND o.spotify_id = tracks.spotify_id
    WHERE NOT coalesce(o.is_gone, false) AND (tracks.album_id IS NULL OR tracks.duration_ms IS NULL)"""


@pytest.fixture
def harness(simulator: Simulator, database_url: str, redis_url: str, tmp_path: Path) -> Iterator[MetadataHarness]:
    """An app in Development Mode."""
    with open_metadata_harness(simulator, database_url, redis_url, tmp_path) as opened:
        yield opened


@pytest.fixture
def extended_harness(
    extended_simulator: Simulator, database_url: str, redis_url: str, tmp_path: Path
) -> Iterator[MetadataHarness]:
    with open_metadata_harness(extended_simulator, database_url, redis_url, tmp_path) as opened:
        yield opened


def some_tracks(harness: MetadataHarness, number: int) -> list[tuple[TrackInfo, int]]:
    """Tracks of complete albums, the first with the most plays."""
    return [(track, 3 + (number - place) // 4) for place, track in enumerate(harness.tracks[:number])]


def test_all_metadata_is_fetched_and_totals_stay(harness: MetadataHarness) -> None:
    harness.import_plays(some_tracks(harness, 80))
    before = harness.totals()

    enriched = harness.enrich()
    harness.settle()

    assert (enriched.stopped, enriched.failed, enriched.gone) == (None, 0, 0)
    assert (enriched.tracks, harness.value(MISSING)) == (80, 0)
    assert harness.totals() == before
    assert harness.value("SELECT count(*) FROM artists WHERE spotify_id IS NULL") == 0
    assert harness.value("SELECT count(*) FROM artists WHERE image_url IS NOT NULL") == enriched.artists
    assert harness.value("SELECT count(*) FROM albums WHERE spotify_id IS NULL") == 0
    assert harness.value("SELECT count(*) FROM albums WHERE image_url IS NULL OR release_date IS NULL") == 0
    assert enriched.calls == Counter(one.group for one in harness.requests())
    assert harness.request_counts().most_common(1)[0][1] == 1


def test_an_album_is_requested_where_that_saves_calls(harness: MetadataHarness) -> None:
    harness.import_plays(some_tracks(harness, 80))
    albums = Counter(track.album_id for track, _ in some_tracks(harness, 80))

    enriched = harness.enrich()

    # One call that tries a batch. Then for each album one track, whose payload has the album's id, and then the album
    # or the one track that is left.
    assert enriched.calls[EndpointGroup.ALBUMS] == sum(tracks > 2 for tracks in albums.values())
    assert enriched.calls[EndpointGroup.TRACKS] == 1 + len(albums) + sum(tracks == 2 for tracks in albums.values())


def test_an_album_of_many_tracks_is_read_by_pages(harness: MetadataHarness) -> None:
    album = max(harness.simulator.control.catalog().albums, key=lambda one: len(one.track_ids))
    tracks = [track for track in harness.tracks if track.album_id == album.id]
    assert len(tracks) > 60
    harness.import_plays([(track, 1) for track in tracks])

    enriched = harness.enrich()
    harness.settle()

    assert (enriched.tracks, harness.value(MISSING), enriched.stopped) == (len(tracks), 0, None)
    assert enriched.calls[EndpointGroup.TRACKS] == 2, "one tries a batch"
    assert enriched.calls[EndpointGroup.ALBUMS] == 2


def test_a_page_that_does_not_come_leaves_the_others(harness: MetadataHarness) -> None:
    album = max(harness.simulator.control.catalog().albums, key=lambda one: len(one.track_ids))
    tracks = [track for track in harness.tracks if track.album_id == album.id]
    harness.import_plays([(track, 1) for track in tracks])
    harness.simulator.control.fault("server_error", path_prefix=f"/v1/albums/{album.id}/tracks", times=None)

    enriched = harness.enrich()

    assert (enriched.tracks, harness.value(MISSING), enriched.stopped) == (len(tracks), 0, None)
    assert enriched.calls[EndpointGroup.ALBUMS] == 2


def test_a_group_gets_its_share_of_a_run(harness: MetadataHarness) -> None:
    harness.import_plays([(track, 1) for track in harness.tracks[::25][:20]])
    harness.enrich(limit=1)
    enriched = enrich(
        harness.warehouse.conn, harness.access, harness.redis_url, limit=100, group_limit=3, now=harness.now
    )
    assert max(enriched.calls.values()) == enriched.calls[EndpointGroup.TRACKS] == 3
    assert (enriched.tracks, enriched.is_broken) == (3, False)
    assert "3 calls to" in str(enriched.stopped)


def test_in_development_mode_artists_come_after_all_tracks(harness: MetadataHarness) -> None:
    harness.import_plays([(track, 20 - place) for place, track in enumerate(harness.tracks[::25][:12])])
    harness.enrich()
    kinds = [one.path.split("/")[2] for one in harness.requests()]
    assert kinds.index("artists") > 12
    assert "tracks" not in kinds[kinds.index("artists") :]


def test_the_most_played_come_first(harness: MetadataHarness) -> None:
    tracks = harness.tracks[::25][:20]
    harness.import_plays([(track, 2 + place) for place, track in enumerate(tracks)])

    harness.enrich(limit=6)

    most_played = [f"tracks/{track.id}" for track in reversed(tracks)]
    singly = [one.path.removeprefix("/v1/").strip("/") for one in harness.requests()[1:]]
    assert [path for path in singly if path.startswith("tracks")] == most_played[:5]


def test_the_limit_counts_calls(harness: MetadataHarness) -> None:
    harness.import_plays(some_tracks(harness, 40))
    enriched = harness.enrich(limit=7)
    assert (enriched.total_calls, len(harness.requests()), enriched.stopped) == (7, 7, "7 calls were made")


def test_an_extended_app_fetches_fifty_in_a_call(extended_harness: MetadataHarness) -> None:
    harness = extended_harness
    harness.import_plays(some_tracks(harness, 120))

    enriched = harness.enrich()
    harness.settle()

    assert (enriched.tracks, harness.value(MISSING)) == (120, 0)
    assert enriched.calls[EndpointGroup.TRACKS] == 3
    assert enriched.calls[EndpointGroup.ALBUMS] == 0
    assert enriched.calls[EndpointGroup.ARTISTS] <= 3
    assert harness.request_counts().most_common(1)[0][1] == 1
    assert harness.value("SELECT count(*) > 0 FROM artists WHERE cardinality(genres) > 0") is True


def test_whether_batches_are_allowed_is_tried_once(harness: MetadataHarness) -> None:
    harness.import_plays(some_tracks(harness, 4))
    harness.enrich()
    harness.import_plays([(track, 1) for track in harness.tracks[100:110]])
    harness.enrich()
    assert sum("ids=" in one.query for one in harness.requests()) == 1


def test_a_second_run_makes_no_calls(harness: MetadataHarness) -> None:
    harness.import_plays(some_tracks(harness, 10))
    harness.enrich()
    harness.simulator.control.clear_requests()
    assert (harness.enrich().total_calls, harness.requests()) == (0, [])


def test_metadata_is_refreshed_when_it_is_due(harness: MetadataHarness) -> None:
    harness.import_plays(some_tracks(harness, 1))
    harness.enrich()
    harness.simulator.control.clear_requests()
    harness.ahead = timedelta(days=61)
    assert harness.enrich().total_calls == 0  # claimed for 24 hours of Redis's clock
    forget_claims(harness)
    assert {path.split("/")[0] for path in harness.request_counts()} == set()
    assert harness.enrich().artists == len(harness.tracks[0].artist_ids)


@pytest.mark.parametrize("status", [404, 400])
def test_a_track_is_gone_when_spotify_did_not_know_it_three_times_days_apart(
    harness: MetadataHarness, status: int
) -> None:
    [(track, _)] = played = some_tracks(harness, 1)
    harness.import_plays(played)
    harness.simulator.control.make_gone(track.id, status)
    is_gone = "SELECT count(*) FROM spotify_objects WHERE spotify_id = %s AND is_gone"

    for expected in (0, 0, 1):
        enriched, again = harness.enrich(), harness.enrich()
        assert (enriched.gone, enriched.failed, again.total_calls) == (expected, 0, 0)
        assert harness.value(is_gone, track.id) == expected
        harness.ahead += timedelta(days=3)
        forget_claims(harness)
    assert harness.enrich().total_calls == 0
    harness.settle()
    assert harness.value("SELECT name FROM tracks WHERE spotify_id = %s", track.id) == track.name

    harness.simulator.control.restore(track.id)
    harness.ahead += timedelta(days=180)
    assert (harness.enrich().tracks, harness.value(is_gone, track.id)) == (1, 0)


def test_one_404_costs_no_metadata(harness: MetadataHarness) -> None:
    [(track, _)] = played = some_tracks(harness, 1)
    harness.import_plays(played)
    harness.simulator.control.make_gone(track.id)
    harness.enrich()
    harness.simulator.control.restore(track.id)
    harness.ahead += timedelta(days=3)
    forget_claims(harness)
    assert harness.enrich().tracks == 1
    assert harness.value("SELECT max(not_found) FROM metadata_refresh_log") == 0


NOT_FOUND = {"error": {"status": 404, "message": "Resource not found"}}
NO_SERVICE = {"error": {"status": 404, "message": "Service not found"}}


@pytest.mark.few(1)
@pytest.mark.parametrize("body", [NOT_FOUND, NO_SERVICE])
def test_many_404s_in_a_row_are_an_outage(harness: MetadataHarness, body: dict[str, Any]) -> None:
    harness.import_plays(some_tracks(harness, 1))
    harness.enrich()
    harness.import_plays([(track, 1) for track in harness.tracks[25::25][:12]])
    harness.simulator.control.fault("error_body", path_prefix="/v1/tracks/", times=None, status=404, body=body)

    enriched = harness.enrich()

    assert (enriched.tracks, enriched.failed, enriched.gone, enriched.is_broken) == (0, 5, 0, True)
    assert harness.value("SELECT max(not_found) FROM metadata_refresh_log") == 0
    harness.simulator.control.clear_faults()
    harness.ahead += timedelta(minutes=11)
    forget_claims(harness)
    assert harness.enrich().tracks == 12


def test_many_tracks_that_are_gone_are_told_from_an_outage(harness: MetadataHarness) -> None:
    harness.import_plays(some_tracks(harness, 1))
    harness.enrich()
    tracks = harness.tracks[25::25][:12]
    harness.import_plays([(track, 20 - place) for place, track in enumerate(tracks)])
    for track in tracks[:11]:
        harness.simulator.control.make_gone(track.id)

    enriched = harness.enrich()

    assert (enriched.stopped, enriched.tracks, enriched.failed) == (None, 1, 0)
    assert harness.value("SELECT count(*) FROM metadata_refresh_log WHERE not_found = 1") == 11


def test_a_batch_without_unknown_tracks_lands(extended_harness: MetadataHarness) -> None:
    harness = extended_harness
    harness.import_plays(some_tracks(harness, 10))
    harness.simulator.control.make_gone(harness.tracks[3].id)
    enriched = harness.enrich()
    assert (enriched.tracks, enriched.gone) == (9, 0)
    assert harness.value("SELECT count(*) FROM metadata_refresh_log WHERE not_found = 1") == 1


@pytest.mark.parametrize("status", [400, 403, 404, 405, 410])
def test_any_refusal_of_a_batch_means_one_object_a_call(extended_harness: MetadataHarness, status: int) -> None:
    harness = extended_harness
    harness.import_plays(some_tracks(harness, 6))
    body = {"error": {"status": status, "message": "No longer here"}}
    harness.simulator.control.fault(
        "error_body", path_prefix="/v1/tracks", query="ids=", times=None, status=status, body=body
    )
    harness.simulator.control.fault(
        "error_body", path_prefix="/v1/artists", query="ids=", times=None, status=status, body=body
    )

    enriched = harness.enrich()

    assert (enriched.stopped, enriched.tracks, enriched.failed) == (None, 6, 0)
    assert sum("ids=" in one.query for one in harness.requests()) == 1


def test_a_relinked_track_keeps_the_requested_id_and_knows_the_other(harness: MetadataHarness) -> None:
    requested, returned = harness.tracks[0], harness.tracks[40]
    harness.import_plays([(requested, 5), (returned, 3), (harness.tracks[80], 1)])
    harness.simulator.control.relink(requested.id, returned.id)
    before = harness.totals()

    harness.enrich()
    harness.settle()

    track_id = harness.value("SELECT id FROM tracks WHERE spotify_id = %s", requested.id)
    assert harness.value("SELECT track_id FROM track_aliases WHERE spotify_id = %s", returned.id) == track_id
    assert harness.value("SELECT play_count FROM user_track_stats WHERE track_id = %s", track_id) == 8
    assert harness.value("SELECT count(*) FROM tracks") == 2
    assert harness.totals() == before


def test_a_failed_fetch_is_tried_again_after_a_short_pause_that_grows(harness: MetadataHarness) -> None:
    [(track, _)] = played = some_tracks(harness, 1)
    harness.import_plays(played)
    harness.simulator.control.fault("html_200", path_prefix=f"/v1/tracks/{track.id}", times=None)

    pauses = []
    for _ in range(3):
        enriched = harness.enrich()
        assert (enriched.failed, enriched.tracks) == (1, 0)
        pauses.append(harness.seconds_claimed("track", track.id))
        harness.ahead += timedelta(seconds=pauses[-1] + 1)
        forget_claims(harness)
    assert [round(pause / 60) for pause in pauses] == [10, 20, 40]
    assert harness.value("SELECT error_count FROM metadata_refresh_log WHERE entity_type = 'track'") == 3
    assert "JSON" in str(harness.value("SELECT last_error FROM metadata_refresh_log WHERE entity_type = 'track'"))

    harness.simulator.control.clear_faults()
    assert harness.enrich().tracks == 1
    assert harness.value("SELECT error_count FROM metadata_refresh_log WHERE entity_type = 'track'") == 0
    assert harness.seconds_claimed("track", track.id) > 86_000


def test_consecutive_failures_end_the_run(harness: MetadataHarness) -> None:
    harness.import_plays([(track, 1) for track in harness.tracks[::25][:20]])
    harness.simulator.control.fault("html_200", path_prefix="/v1/tracks/", times=None, skip=1)
    enriched = harness.enrich()
    assert (enriched.tracks, enriched.failed, enriched.calls[EndpointGroup.TRACKS]) == (1, 5, 7)
    assert enriched.stopped is not None
    assert "5 calls in a row" in enriched.stopped


@pytest.mark.parametrize("kind", ["rate_limited", "rate_limited_text", "quota_exceeded"])
def test_a_rate_limit_ends_the_run_and_a_later_run_continues(harness: MetadataHarness, kind: str) -> None:
    harness.import_plays([(track, 1) for track in harness.tracks[::25][:10]])
    harness.simulator.control.fault(kind, path_prefix="/v1/tracks/", times=None, skip=2, retry_after=7_200)

    enriched = harness.enrich()

    assert (enriched.tracks, enriched.failed) == (2, 0)
    assert enriched.stopped is not None
    assert enriched.retry_at is not None
    track_id = harness.requests()[-1].path.rstrip("/").rpartition("/")[2]
    assert harness.seconds_claimed("track", track_id) < 0
    harness.simulator.control.clear_requests()
    again = harness.enrich()
    assert again.stopped is not None
    assert (again.retry_at, again.total_calls) == (enriched.retry_at, 0)
    assert harness.requests() == []


def test_when_the_quota_of_a_group_is_used_up_other_groups_continue(harness: MetadataHarness) -> None:
    harness.import_plays(some_tracks(harness, 60))
    harness.simulator.control.fault("quota_exceeded", path_prefix="/v1/albums/", times=None, retry_after=7_200)

    enriched = harness.enrich(limit=40)

    assert enriched.calls[EndpointGroup.ALBUMS] == 1
    assert enriched.tracks > 20
    assert enriched.artists > 2


def test_an_outage_ends_the_run(harness: MetadataHarness) -> None:
    harness.import_plays([(track, 1) for track in harness.tracks[::25][:10]])
    harness.simulator.control.fault("server_error", path_prefix="/v1/tracks/", times=None, skip=1)
    enriched = harness.enrich()
    assert (enriched.tracks, enriched.failed, enriched.is_broken) == (1, 5, True)
    assert "503" in str(enriched.stopped)
    run = latest_run(harness.warehouse.conn)
    assert run is not None
    assert (run.is_broken, run.failed, run.stopped) == (True, 5, enriched.stopped)
    assert 0 < run.plays_with_metadata < run.plays == 10


@pytest.mark.few(3)
@pytest.mark.parametrize("kind", ["server_error", "forbidden", "forbidden_premium", "hang", "html_200", "drop"])
def test_a_sick_id_stops_no_other(harness: MetadataHarness, kind: str) -> None:
    sick, *others = [track for track, _ in some_tracks(harness, 60)][::4]
    harness.import_plays([(sick, 9), *((track, 2) for track in others)])
    details: dict[str, Any] = {"seconds": 6} if kind == "hang" else {}
    harness.simulator.control.fault(kind, path_prefix=f"/v1/tracks/{sick.id}", times=None, **details)

    first = harness.enrich()

    assert (first.stopped, first.is_broken, first.failed, first.tracks) == (None, False, 1, len(others))
    for _ in range(3):
        harness.ahead += timedelta(minutes=30)
        forget_claims(harness)
        harness.enrich()
    assert harness.value(MISSING) == 1
    harness.simulator.control.clear_faults()
    harness.ahead += timedelta(hours=7)
    assert harness.enrich().tracks == 1


def test_several_sick_ids_delay_the_others_by_a_run(harness: MetadataHarness) -> None:
    tracks = harness.tracks[::25][:20]
    harness.import_plays([(track, 20 - place) for place, track in enumerate(tracks)])
    for track in tracks[:7]:
        harness.simulator.control.fault("server_error", path_prefix=f"/v1/tracks/{track.id}", times=None)

    stopped = []
    for _ in range(2):
        stopped.append(harness.enrich().stopped)
        harness.ahead += timedelta(minutes=9)

    assert "5 calls in a row" in str(stopped[0])
    assert stopped[1] is None
    assert harness.value(MISSING) == 7


@pytest.mark.few(1)
@pytest.mark.parametrize("kind", ["forbidden", "forbidden_premium", "forbidden_not_registered"])
def test_a_forbidden_group_leaves_the_others_going(harness: MetadataHarness, kind: str) -> None:
    harness.import_plays(some_tracks(harness, 8))
    harness.enrich()
    harness.import_plays([(track, 1) for track in harness.tracks[100:200:10]])
    harness.import_plays([(harness.tracks[3], 2)], by_name=True)
    harness.simulator.control.fault(kind, path_prefix="/v1/tracks/", times=None)

    enriched = harness.enrich()

    assert (enriched.calls[EndpointGroup.TRACKS], enriched.calls[EndpointGroup.SEARCH]) == (3, 1)
    assert (enriched.failed, enriched.is_broken) == (3, True)
    assert "refuses calls to tracks" in str(enriched.stopped)
    harness.simulator.control.clear_faults()
    harness.simulator.control.clear_requests()
    assert harness.enrich().calls[EndpointGroup.TRACKS] == 0, "the group rests for an hour"


def test_a_sick_id_in_a_batch_is_found_alone(extended_harness: MetadataHarness) -> None:
    harness = extended_harness
    sick, *others = [track for track, _ in some_tracks(harness, 20)]
    harness.import_plays([(sick, 9), *((track, 2) for track in others)])
    harness.simulator.control.fault("server_error", path_prefix="/v1/tracks", query=sick.id, times=None)
    harness.simulator.control.fault("server_error", path_prefix=f"/v1/tracks/{sick.id}", times=None)

    assert harness.enrich().failed == 20
    harness.ahead += timedelta(minutes=11)
    forget_claims(harness)
    harness.enrich()

    assert harness.value(MISSING) == 1


def test_without_redis_or_an_account_no_call_is_made(harness: MetadataHarness) -> None:
    harness.import_plays(some_tracks(harness, 3))
    redis_url, harness.redis_url = harness.redis_url, "redis://127.0.0.1:1/0"
    assert harness.enrich().stopped == "Redis does not answer"
    harness.redis_url = redis_url
    harness.warehouse.conn.execute("UPDATE spotify_auth SET is_valid = false")
    assert "linked" in str(harness.enrich().stopped)
    assert harness.requests() == []


def test_account_data_is_resolved_by_search_when_nothing_else_is_missing(harness: MetadataHarness) -> None:
    harness.import_plays([(harness.tracks[0], 4)])
    harness.import_plays([(track, 2) for track in harness.tracks[0:12:3]], by_name=True)
    before = harness.totals()

    harness.enrich(limit=3)
    assert wanted(harness.warehouse.conn, harness.now(), 1) == []
    assert reason_to_skip(harness.warehouse.conn, harness.access.client.gate, harness.now()) is None, (
        "names are left to search for"
    )
    harness.simulator.control.clear_requests()
    enriched = harness.enrich()
    harness.settle()

    assert (enriched.stopped, enriched.resolved, enriched.calls[EndpointGroup.SEARCH]) == (None, 4, 4)
    assert [one.path.startswith("/v1/search") for one in harness.requests()][-4:] == [True] * 4
    assert harness.value("SELECT count(*) FROM tracks WHERE spotify_id IS NULL") == 0
    assert harness.value("SELECT count(*) FROM tracks") == 4
    assert harness.totals() == before
    harness.simulator.control.clear_requests()
    assert (harness.enrich().total_calls, harness.requests()) == (0, [])


def test_names_without_a_track_stay_provisional_and_are_not_searched_again(harness: MetadataHarness) -> None:
    track = harness.tracks[0]
    other = dataclasses.replace(track, name=f"{track.name} (no such song)")
    harness.import_plays([(other, 3)], by_name=True)
    first, second = harness.enrich(), harness.enrich()
    assert (first.resolved, first.calls[EndpointGroup.SEARCH], second.total_calls) == (0, 1, 0)
    assert harness.value("SELECT count(*) FROM tracks WHERE spotify_id IS NULL") == 1


@pytest.mark.thorough
def test_two_workers_never_fetch_the_same_entity(harness: MetadataHarness) -> None:
    harness.import_plays(some_tracks(harness, 150))
    with harness.worker(10_000) as one, harness.worker(10_000) as other:
        for started in (one, other):
            assert started.stdin is not None
            started.stdin.write("go\n")
            started.stdin.flush()
        said = [started.communicate(timeout=60)[0].split() for started in (one, other)]
    harness.enrich()
    harness.settle()

    batches = [one for one in harness.requests() if "ids=" in one.query]
    assert harness.value(MISSING) == 0
    assert min(int(calls) for calls, *_ in said) > 5
    assert len(batches) <= 2
    assert max(harness.request_counts().values()) == 1


def forget_claims(harness: MetadataHarness) -> None:
    """Delete the claims in Redis, as if they had expired."""
    with redis.Redis.from_url(harness.redis_url) as store:
        for key in store.scan_iter("myi:enrich:*:*"):
            store.delete(key)


@pytest.mark.few(4)
@pytest.mark.parametrize(
    ("kind", "path_prefix", "most_calls"),
    [
        *((kind, "/v1/tracks/", 3) for kind in ("server_error", "drop", "reply_lost", "truncated")),
        *((kind, "/v1/tracks/", 2) for kind in ("hang", "html_200", "json_200", "empty_204", "error_body")),
        *((kind, "/v1/tracks/", 2) for kind in ("garbage_json", "unauthorized")),
        *((kind, "/v1/tracks/", 2) for kind in ("forbidden_premium", "forbidden_not_registered", "forbidden")),
        *((kind, "/v1/artists/", 3) for kind in ("server_error", "html_200")),
    ],
)
def test_one_bad_answer_costs_at_most_two_calls_and_no_metadata(
    harness: MetadataHarness, kind: str, path_prefix: str, most_calls: int
) -> None:
    """A single refusal does not mark an entity as gone, and does not block it for a day."""
    harness.import_plays([(track, 1) for track in harness.tracks[::25][:4]])
    before = harness.totals()
    details: dict[str, Any] = {"seconds": 30} if kind == "hang" else {}
    harness.simulator.control.fault(kind, path_prefix=path_prefix, times=1, skip=1, **details)

    harness.enrich()
    harness.simulator.control.clear_faults()
    harness.ahead += timedelta(hours=2)
    forget_claims(harness)
    enriched = harness.enrich()
    harness.settle()

    assert enriched.stopped is None
    assert harness.value(MISSING) == 0
    assert harness.value("SELECT count(*) FROM spotify_objects WHERE is_gone") == 0
    assert harness.value("SELECT count(*) FROM artists WHERE image_url IS NULL") == 0
    assert harness.totals() == before
    counts = harness.request_counts()
    assert counts.most_common(1)[0][1] <= most_calls
    assert sum(times > 1 for times in counts.values()) <= 1
