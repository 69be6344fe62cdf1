"""Fixtures of the tests that kill processes during calls to Spotify."""

from myi_pipelines_tests.support.spotify_fixtures import clock as clock
from myi_pipelines_tests.support.spotify_fixtures import make_gate as make_gate
from myi_pipelines_tests.support.spotify_fixtures import own_redis as own_redis
