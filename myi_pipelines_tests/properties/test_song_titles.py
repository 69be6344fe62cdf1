"""Titles fold as the documentation says and as the reference does, whatever they are made of."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines_tests.properties.test_listening_properties import bounded
from myi_pipelines_tests.support import reference

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "songs.md"

WORDS = (
    *(
        "Song",
        "a",
        "(",
        ")",
        "[",
        "]",
        "（",
        "）",
        "-",
        " - ",
        " – ",
        "—",
        "/",
        " / ",
        ";",
        ".",
        ",",
        "&",
        "'",
        "’",
        "“x”",
    ),
    *("feat.", "Feat ", "FT.", "ft ", "featuring ", "with ", "Guest", "remaster", "Remastered", "RE-MASTERED", "2011"),
    *(
        "digital",
        "mono",
        "Stereo",
        "version",
        "Version",
        "single",
        "album",
        "LP",
        "deluxe",
        "Edition",
        "bonus",
        "track",
    ),
    *("explicit", "Clean", "original", "50th", "anniversary", "live", "Live at", "remix", "mix", "edit", "Taylor’s"),
    *("שלום", "Nguyễn", "Nguye\u0302\u0303n", "한국", "\u1112\u1161\u11ab", "ﾊﾝｶｸ", "ハンカク", "Москва", "İstanbul"),
    *("ΟΔΟΣ", "οδος", "straße", "STRASSE", "ﬁn", "\u00a0", "\t", "  ", "\u3000", "㍿", "²", "e\u0301", "É"),
)
titles = st.lists(st.sampled_from(WORDS), min_size=1, max_size=9).flatmap(
    lambda words: st.sampled_from(("", " ")).map(lambda between: between.join(words))
)


@bounded(150)
@given(some=st.lists(titles | st.text(st.characters(exclude_categories=["C"]), max_size=8), min_size=20, max_size=60))
def test_any_title_folds_as_in_the_reference(conn: Connection, some: list[str]) -> None:
    found = conn.execute(
        "SELECT title, song_title(title), song_key(title, 'x') = md5(song_title(title) || E'\\nx')::uuid"
        " FROM unnest(%s::text[]) AS title",
        [some],
    ).fetchall()
    assert {title: (folded, True) for title, folded, _ in found} == {
        title: (reference.song_title(title), is_keyed) for title, _, is_keyed in found
    }


@bounded(60)
@given(some=st.lists(titles, min_size=20, max_size=40))
def test_titles_that_differ_in_form_or_case_only_are_of_one_song(conn: Connection, some: list[str]) -> None:
    spellings = [(title, f" {title.upper()} ", title.replace(" ", "\u00a0")) for title in some]
    rows = conn.execute(
        "SELECT one, other FROM unnest(%s::text[], %s::text[]) AS spelled (one, other)"
        " WHERE name_key(one) = name_key(other) AND song_key(one, 'x') <> song_key(other, 'x')",
        [[title for title, *others in spellings for _ in others], [one for _, *others in spellings for one in others]],
    ).fetchall()
    assert rows == []


def test_the_examples_of_the_documentation_hold(conn: Connection) -> None:
    """Tables of two titles, and whether they are one song."""
    examples = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \| (one|two)\b", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(examples) > 20
    for one, other, songs in examples:
        (same,) = conn.execute("SELECT song_key(%s, 'x') = song_key(%s, 'x')", [one, other]).fetchone() or (None,)
        assert same == (songs == "one"), (one, other)
        assert (reference.song_title(one) == reference.song_title(other)) == same, (one, other)
