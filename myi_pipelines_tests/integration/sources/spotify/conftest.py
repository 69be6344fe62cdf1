"""Fixtures of the tests of Spotify's client."""

from myi_pipelines_tests.support.spotify_fixtures import app as app
from myi_pipelines_tests.support.spotify_fixtures import client as client
from myi_pipelines_tests.support.spotify_fixtures import clock as clock
from myi_pipelines_tests.support.spotify_fixtures import gate as gate
from myi_pipelines_tests.support.spotify_fixtures import listener as listener
from myi_pipelines_tests.support.spotify_fixtures import make_gate as make_gate
from myi_pipelines_tests.support.spotify_fixtures import own_redis as own_redis
from myi_pipelines_tests.support.spotify_fixtures import token as token
from myi_pipelines_tests.support.spotify_fixtures import tokens as tokens
from myi_pipelines_tests.support.spotify_fixtures import unused_url as unused_url
