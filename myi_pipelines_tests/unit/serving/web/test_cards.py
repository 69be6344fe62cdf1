"""Share cards: nothing is cut that fits, the period never is, and names keep their direction."""

from __future__ import annotations

from datetime import date
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from babel import Locale

from myi_pipelines.serving.web.cards import Card, Column, card_png, card_svg
from myi_pipelines.serving.web.formats import Formats
from myi_pipelines.serving.web.letter_widths import fitted, text_width
from myi_pipelines.serving.web.words import isolated


def card(name: str = "Ada", period: str = "2025", names: tuple[str, ...] = ()) -> Card:
    return Card(name, period, "38", "hours of music", [1, 2], [Column("Songs", names)], "900 plays")


def texts(shown: Card) -> list[str]:
    return [one.text or "" for one in ElementTree.fromstring(card_svg(shown)).iter("{http://www.w3.org/2000/svg}text")]


def test_the_period_of_a_card_is_never_cut() -> None:
    assert "Ada of the Shore’s 3 – 9 Mar 2025" in texts(card("Ada of the Shore", "3 – 9 Mar 2025"))
    long = texts(card("Maximiliana of the Northern Shore", "3 – 9 Mar 2025"))
    assert long[:2] == ["Maximiliana of the Northern Shore’s", "3 – 9 Mar 2025"]
    cut, period = texts(card("W" * 50, "3 – 9 Mar 2025"))[:2]
    assert cut.endswith("W…’s")
    assert period == "3 – 9 Mar 2025"


def test_a_name_is_cut_where_its_column_ends() -> None:
    narrow, wide = "illuminating little lillies", "MMMMMMMMMMMMMMM"
    shown = texts(card(names=(narrow, wide)))
    assert narrow in shown
    assert wide not in shown
    assert 400 < text_width(next(one for one in shown if one.startswith("MMM")), 38) <= 440


def test_an_ellipsis_is_not_parted_from_what_it_ends() -> None:
    assert fitted("宇多田ヒカル", 10, 40) == "宇多田…"
    assert fitted("e\u0301e\u0301e\u0301", 100, text_width("e…", 100)) == "e\u0301…"
    assert fitted("abc", 10, 0) == "…"


@pytest.mark.parametrize("name", ["فيروز", "… שיר", "123 فيروز…"])
def test_a_name_written_from_right_to_left_stays_whole_in_a_line_from_left_to_right(name: str) -> None:
    assert f"\u2067{name}\u2069" in texts(card(names=(name,)))
    assert isolated(name) == f"\u2067{name}\u2069"
    assert card(name).title == f"\u2067{name}\u2069’s 2025"


def test_a_card_is_a_picture() -> None:
    assert card_png(card(names=("Привет", "فيروز", "宇多田"))).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("locale", "first", "last", "text"),
    [
        ("en_GB", date(2025, 3, 3), date(2025, 3, 9), "3 – 9 Mar 2025"),
        ("en_GB", date(2025, 2, 28), date(2025, 3, 6), "28 Feb – 6 Mar 2025"),
        ("en_GB", date(2024, 12, 30), date(2025, 1, 5), "30 Dec 2024 – 5 Jan 2025"),
        ("en_US", date(2025, 3, 3), date(2025, 3, 9), "Mar 3 – 9, 2025"),
        ("de", date(2025, 3, 3), date(2025, 3, 9), "3.–9. März 2025"),
    ],
)
def test_days_say_their_month_once(locale: str, first: date, last: date, text: str) -> None:
    assert Formats(Locale.parse(locale), ZoneInfo("UTC")).between(first, last) == text
