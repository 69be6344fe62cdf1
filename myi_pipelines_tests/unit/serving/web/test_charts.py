"""Charts: what is drawn is what was given, names can do nothing, and the page's policy allows all of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from xml.etree import ElementTree

import pytest
from markupsafe import Markup

from myi_pipelines.serving.web.charts.bump import Lane, bump
from myi_pipelines.serving.web.charts.calendars import calendar, clock, hour_grid, month_grid
from myi_pipelines.serving.web.charts.marks import Mark, Tick, heat_level, scale, time_scale
from myi_pipelines.serving.web.charts.timeline import Axes, Multiple, Part, multiples, shares, stacked, timeline
from myi_pipelines.serving.web.covers import initial, letterform

EVIL = "\"><script>alert(1)</script>&'<img onerror=x>"
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
HOUR = 3_600_000


def marks(*values: float) -> list[Mark]:
    return [Mark(f"{EVIL} {number}", value, f"{value} plays", f"/h?x={EVIL}") for number, value in enumerate(values)]


def axes() -> Axes:
    return Axes([Tick(0, EVIL)], "{:g}".format, heads=(EVIL, EVIL))


CHARTS: dict[str, Callable[[], Markup]] = {
    "timeline": lambda: timeline(EVIL, marks(3, 0, 9), axes(), before=[1, 2, 3]),
    "no plays": lambda: timeline(EVIL, [], axes()),
    "multiples": lambda: multiples(EVIL, [Multiple(EVIL, EVIL, [1, 2], EVIL)], EVIL, EVIL, table=Markup()),
    "stacked": lambda: stacked(EVIL, [Part(EVIL, [1, 2]), Part(EVIL, [0, 0])], axes(), marks(1, 2)),
    "shares": lambda: shares(marks(1, 2)),
    "calendar": lambda: calendar(
        EVIL,
        {date(2025, 1, 3): marks(4)[0]},
        (date(2025, 1, 1), date(2025, 2, 1)),
        week_starts_on=0,
        months=[EVIL] * 12,
    ),
    "month grid": lambda: month_grid(EVIL, {date(2025, 1, 1): marks(4)[0]}, months=[EVIL] * 12),
    "hour grid": lambda: hour_grid(EVIL, [(EVIL, marks(*range(24)))], hour=lambda _: EVIL),
    "clock": lambda: clock(EVIL, marks(*range(24)), hour=lambda _: EVIL, middle=(EVIL, EVIL)),
    "bump": lambda: bump(EVIL, [Lane(EVIL, [1, None, 2, 1], EVIL)], [EVIL] * 4, places=3),
    "cover": lambda: letterform("<script>", EVIL),
}


@pytest.mark.parametrize("name", CHARTS)
def test_names_stay_text_and_nothing_is_styled_inline(name: str) -> None:
    root = ElementTree.fromstring(f"<x>{CHARTS[name]()}</x>")
    for element in root.iter():
        assert element.tag not in {"script", "img", "style"}
        assert not {one for one in element.attrib if one == "style" or one.startswith("on")}


def test_a_bar_is_as_high_as_its_value_and_says_it() -> None:
    root = ElementTree.fromstring(timeline("Plays", marks(50, 100), Axes([], "{:g}".format)))
    bars = root.findall(".//rect[@class='bar-shape']")
    assert float(bars[1].attrib["height"]) == pytest.approx(2 * float(bars[0].attrib["height"]), rel=0.01)
    assert [title.text for title in root.iter("title")] == [f"{EVIL} 0: 50 plays", f"{EVIL} 1: 100 plays"]


def test_a_period_that_has_not_ended_is_hatched() -> None:
    root = ElementTree.fromstring(timeline("Plays", [Mark("now", 3, "3 plays", partial=True)], Axes([], str)))
    assert len(root.findall(".//rect[@fill='url(#hatch)']")) == 1


def test_the_table_below_has_every_value() -> None:
    root = ElementTree.fromstring(timeline("Plays", marks(5, 0, 7), Axes([], str)))
    assert [cell.text for cell in root.findall(".//details//td")] == ["5 plays", "0 plays", "7 plays"]


def test_a_calendar_has_a_cell_for_each_day_and_outlines_those_to_come() -> None:
    first, last = date(2024, 1, 1), date(2024, 12, 31)
    known = {first + timedelta(days=number): Mark("day", number, "") for number in range(100)}
    root = ElementTree.fromstring(calendar("Days", known, (first, last), week_starts_on=6, months=MONTHS))
    cells = [one for one in root.iter("rect") if one.attrib.get("width") == "0.88"]
    assert len(cells) == 366
    assert sum(cell.attrib["class"] == "future" for cell in cells) == 266


@pytest.mark.parametrize(("days", "rows"), [(1, 1), (98, 1), (99, 2), (366, 4)])
def test_a_calendar_is_cut_into_rows_that_a_phone_stacks(days: int, rows: int) -> None:
    first = date(2024, 1, 1)
    known = {first + timedelta(days=number): Mark("day", number, "") for number in range(days)}
    root = ElementTree.fromstring(
        calendar("Days", known, (first, max(known)), week_starts_on=first.weekday(), months=MONTHS)
    )
    drawn = root.findall("div/div/div")
    assert len(drawn) == rows
    assert sum(len(row.findall("svg[2]/rect")) for row in drawn) == days
    assert all(float(cell.attrib["x"]) < 14 for row in drawn for cell in row.findall("svg[2]/rect"))


def test_a_calendar_s_table_has_a_column_for_each_month() -> None:
    days = [date(2024, 1, 30), date(2024, 1, 31), date(2024, 2, 1), date(2024, 3, 30)]
    known = {day: Mark(f"{day}", number, f"{number} plays", f"/{day}") for number, day in enumerate(days)}
    root = ElementTree.fromstring(calendar("Days", known, (days[0], days[-1]), week_starts_on=0, months=MONTHS))
    rows = [["".join(cell.itertext()) for cell in row] for row in root.findall(".//details//tr")]
    assert rows == [
        ["Day", *(f"{MONTHS[month]} 2024" for month in range(3))],
        ["1", "", "2 plays", ""],
        ["30", "0", "", "3 plays"],
        ["31", "1 plays", "", ""],
    ]
    assert [link.attrib["href"] for link in root.findall(".//details//a")] == [f"/{days[at]}" for at in (2, 0, 3, 1)]


def test_names_of_lanes_end_before_the_next_dot_and_the_best_have_a_colour() -> None:
    lanes = [
        Lane("ended", [1, None, None, None], "/1"),
        Lane("lasting", [2, 2, 2, 2], "/2"),
        Lane("next", [None, None, 1, None], "/3"),
        *(Lane(f"short {at}", [at, None, None, None], f"/{at}") for at in (4, 5)),
    ]
    root = ElementTree.fromstring(bump("Ranks", lanes, ["2022", "2023", "2024", "2025"], places=5))
    widths = {"".join(one.itertext()): one.attrib["width"] for one in root.iter("foreignObject")}
    assert widths == {"ended": "50%", "next": "37.5%", "short 4": "87.5%", "short 5": "87.5%"}
    assert [one.text for one in root.findall(".//ol//a")] == ["lasting"]
    classes = {(one.findtext("title") or "").split(":")[0]: one.attrib["class"] for one in root.findall(".//svg/a")}
    assert classes["lasting"] == "lane top-1"
    assert classes["short 5"] == "lane"


def test_only_one_mark_of_a_chart_is_a_stop_of_the_tab_key() -> None:
    root = ElementTree.fromstring(CHARTS["hour grid"]())
    assert sum("tabindex" not in link.attrib for link in root.iter("a")) == 1


def test_scales_end_at_round_numbers_that_hold_the_highest_value() -> None:
    for highest in (1, 2, 3, 7, 10, 87, 101, 999, 12_345, 1_000_000):
        top, lines = scale(highest)
        assert highest <= top <= highest * 3
        assert lines[-1] == top
        assert 1 <= len(lines) <= 4
    assert time_scale(50 * 60_000).top == HOUR
    assert time_scale(0).top > 0


def test_shades_go_from_nothing_to_the_highest() -> None:
    assert [heat_level(value, 100) for value in (0, 1, 50, 100)] == [0, 1, 3, 5]
    assert heat_level(0, 0) == 0


def test_a_cover_is_the_same_for_the_same_name_and_differs_between_names() -> None:
    assert letterform("Low") == letterform("Low")
    assert len({letterform(name) for name in ("Low", "Mitski", "Talk Talk", "Björk", "宇多田ヒカル")}) == 5
    assert initial("שלמה ארצי") == "ש"


def test_hours_without_plays_have_no_shape_on_the_clock() -> None:
    svg = str(clock("A clock", marks(*[0, 3, 0, 1] + [0] * 20), hour=str, middle=("", "")))
    assert svg.count('class="bar-shape"') == 2
    assert svg.count('class="hit"') == 24


def test_ranks_follow_a_name_of_the_other_direction_in_their_own() -> None:
    svg = str(bump("Ranks", [Lane("שלמה", [2, None, 1], "/")], ["2023", "2024", "2025"], places=2))
    assert "<title>\u2067שלמה\u2069: 2, –, 1</title>" in svg
