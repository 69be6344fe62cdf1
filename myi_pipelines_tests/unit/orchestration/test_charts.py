"""The charts of Dagster's metadata are images that a browser shows, a person can read, and a few kilobytes long."""

import base64
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from datetime import date

import pytest

from myi_pipelines.orchestration.assets.charts import MOST_BARS, WIDTH, bar_chart, svg_bars
from myi_pipelines.orchestration.assets.listening_events import plays_over_time
from myi_pipelines.warehouse.partitions import months_between

SVG = "{http://www.w3.org/2000/svg}"
HOURS = [f"{hour:02d}" for hour in range(24)]
FEW_KILOBYTES = 6_000


def texts(svg: str) -> list[str]:
    """All that can be read: the title, the numbers beside the lines, the labels that there is room for."""
    return [element.text or "" for element in ET.fromstring(svg).iter(f"{SVG}text")]


def bars(svg: str) -> list[tuple[float, float, float]]:
    """The middle, the lower and the upper end of each bar."""
    path = list(ET.fromstring(svg).iter(f"{SVG}path"))[-1].get("d", "")
    return [tuple(map(float, bar)) for bar in re.findall(r"M([\d.]+) ([\d.]+)V([\d.]+)", path)]  # type: ignore[misc]


def test_a_chart_is_markdown_with_an_image_that_says_what_it_shows() -> None:
    markdown = bar_chart("Plays per month", ["2023-11", "2023-12"], [1_234, 20]).value
    found = re.fullmatch(r"!\[(.*)\]\(data:image/svg\+xml;base64,(\S+)\)", markdown or "")
    assert found is not None
    assert found[1] == "Plays per month: 2 bars, the highest 1,234"
    root = ET.fromstring(base64.b64decode(found[2]))
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == found[1]


def test_lines_labels_and_title_can_be_read() -> None:
    assert texts(svg_bars("Plays", ["2023-11", "2023-12"], [1_234, 20])) == [
        *("Plays", "0", "500", "1,000", "1,500"),
        *("2023-11", "2023-12"),
    ]


@pytest.mark.parametrize(
    ("largest", "lines"),
    [
        (0, ["0", "1"]),
        (1, ["0", "1"]),
        (3, ["0", "1", "2", "3"]),
        (20, ["0", "5", "10", "15", "20"]),
        (21, ["0", "10", "20", "30"]),
        (81, ["0", "50", "100"]),
        (10_000_000, ["0", "5,000,000", "10,000,000"]),
    ],
)
def test_lines_are_at_round_numbers_and_reach_the_largest_value(largest: int, lines: Sequence[str]) -> None:
    assert texts(svg_bars("", [""], [largest]))[1:] == lines


def test_bars_are_as_high_as_their_values_and_nothing_is_no_bar() -> None:
    (_, bottom, half), (_, _, whole), (_, _, least) = bars(svg_bars("", [""] * 4, [5_000, 10_000, 0, 1]))
    assert bottom - half == pytest.approx((bottom - whole) / 2, abs=1)
    assert bottom - least == 1  # whatever is above zero shows


@pytest.mark.parametrize("values", [[], [0, 0], [7]])
def test_few_values_and_none_are_drawn_too(values: Sequence[int]) -> None:
    assert len(bars(svg_bars("Plays", [""] * len(values), values))) == sum(value > 0 for value in values)


def test_labels_that_would_overlap_are_left_out() -> None:
    shown = texts(svg_bars("", [f"2023-{month:02d}" for month in range(1, 13)], [100_000] * 12))
    assert "2023-01" in shown
    assert "2023-02" not in shown
    assert len([text for text in shown if text.startswith("2023")]) == 6
    assert texts(svg_bars("", HOURS, [1] * 24))[-24:] == HOURS


@pytest.mark.parametrize("months", [144, MOST_BARS])
def test_many_months_are_a_few_kilobytes(months: int) -> None:
    labels = [f"{2012 + month // 12}" if month % 12 == 0 else "" for month in range(months)]
    values = [1_000_000 + 7_919 * month for month in range(months)]
    assert len(bar_chart("Plays per month", labels, values).value or "") < FEW_KILOBYTES
    svg = svg_bars("Plays per month", labels, values)
    middles = [middle for middle, _, _ in bars(svg)]
    assert len(set(middles)) == months
    assert 0 < min(middles) < max(middles) < WIDTH
    assert "2012" in texts(svg)


def test_signs_that_xml_knows_are_text() -> None:
    assert texts(svg_bars('"Rock & <Roll>"', ["<&>"], [1])) == ['"Rock & <Roll>"', "0", "1", "<&>"]


@pytest.mark.parametrize(
    ("last", "name", "bars_shown"),
    [
        (date(2012, 6, 1), "plays_per_month", 2),
        (date(2014, 4, 1), "plays_per_month", 24),
        (date(2027, 4, 1), "plays_per_month", 180),
        (date(2027, 5, 1), "plays_per_year", 16),
    ],
)
def test_months_are_shown_as_years_when_there_are_too_many(last: date, name: str, bars_shown: int) -> None:
    months = months_between(date(2012, 5, 1), last)
    [(key, chart)] = plays_over_time(months, [10] * len(months)).items()
    assert key == name
    highest = 10 if name == "plays_per_month" else 120
    assert f": {bars_shown} bars, the highest {highest}]" in chart.value
    svg = base64.b64decode(chart.value.partition("base64,")[2].rstrip(")")).decode()
    assert len(bars(svg)) == bars_shown
    labels = [text for text in texts(svg) if text.startswith("20")]
    assert labels[0] == {2: "2012-05", 24: "2013", 180: "2013", 16: "2012"}[bars_shown]
