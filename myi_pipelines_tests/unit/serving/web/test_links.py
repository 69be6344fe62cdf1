"""Addresses of pages: what they keep, and what one without a range means."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from myi_pipelines.serving.queries.scope import Listener
from myi_pipelines.serving.web.links import default_range, links_to

ANNA = Listener(1, "anna", None, ZoneInfo("UTC"), 0, date(2015, 3, 1), date(2021, 5, 9), 1)


@pytest.mark.parametrize(
    ("last_day", "today", "meant"),
    [
        (date(2021, 5, 9), date(2021, 12, 31), "year"),
        (date(2021, 5, 9), date(2022, 1, 1), "2021"),
        (date(2021, 5, 9), date(2020, 1, 1), "year"),
    ],
)
def test_an_address_without_a_range_is_of_the_last_year_with_plays(last_day: date, today: date, meant: str) -> None:
    assert default_range(ANNA._replace(last_day=last_day), today) == meant


def test_the_year_of_the_last_podcast_counts_as_well() -> None:
    nobody = ANNA._replace(first_day=None, last_day=None)
    assert default_range(nobody, date(2022, 1, 1)) == "year"
    podcasts = nobody._replace(first_other_day=date(2014, 1, 1), last_other_day=date(2019, 1, 1))
    assert default_range(podcasts, date(2022, 1, 1)) == "2019"
    assert default_range(podcasts._replace(last_day=ANNA.last_day), date(2022, 1, 1)) == "2021"


def test_a_link_leaves_out_what_an_address_means_without_it() -> None:
    links = links_to("anna", {"range": "2021", "by": "plays", "artist": "3"}, "2021")
    assert links.to("tops") == "/u/anna/tops?artist=3"
    assert links.to("tops", range="year") == "/u/anna/tops?range=year&artist=3"
    assert links.to("tops", range="2021") == links.to("tops")
    assert links_to("anna", {"range": "year"}).to() == "/u/anna"
    assert links_to("anna", {"range": "2021"}).to() == "/u/anna?range=2021"
