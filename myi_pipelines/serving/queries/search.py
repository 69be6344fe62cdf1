"""Search over what a listener ever played, as it is typed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from myi_pipelines.serving.queries.scope import Listener
from myi_pipelines.serving.queries.tops import Item, Kind, items
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.statements import statement

EACH = 12
LONGEST = 100
"""Characters of a search that are read."""
MOST_WORDS = 8
KINDS = (Kind.ARTIST, Kind.ALBUM, Kind.SONG)


class FoundShow(NamedTuple):
    """A show or an audiobook."""

    kind: str
    show: str
    show_key: UUID
    play_count: int


def search(
    conn: Connection, listener: Listener, text: str, *, kinds: Iterable[Kind] = KINDS, each: int = EACH
) -> list[Item]:
    """Artists, albums and songs whose names have every word of a text, anywhere; of a song, with its artist's.

    Those whose name begins with the text come first, then the most played. Nothing is found by an empty text.
    """
    words = _words(text)
    if not words:
        return []
    asked = {
        "user_id": listener.id,
        "words": [f"%{word}%" for word in words],
        "starts": f"{_escaped(text)}%",
        "kinds": [kind.value for kind in kinds],
        "each": each,
    }
    rows = conn.execute(statement("queries/search"), asked).fetchall()
    found = {
        kind: items(conn, listener, kind, [item_id for name, item_id, _ in rows if name == kind]) for kind in KINDS
    }
    return [found[Kind(kind)][item_id] for kind, item_id, _ in rows]


def search_shows(conn: Connection, listener: Listener, text: str, *, each: int = EACH) -> list[FoundShow]:
    """Shows and audiobooks whose names have every word of a text, the most played first."""
    words = [f"%{word}%" for word in _words(text)]
    if not words:
        return []
    asked = {"user_id": listener.id, "words": words, "each": each}
    return [FoundShow(*row) for row in conn.execute(statement("queries/search_shows"), asked)]


def _words(text: str) -> list[str]:
    return [word for word in map(_escaped, text[:LONGEST].split()[:MOST_WORDS]) if word]


def _escaped(text: str) -> str:
    """Lower case, for LIKE; PostgreSQL holds no NUL."""
    plain = text[:LONGEST].strip().lower().replace("\0", "").replace("\\", "\\\\")
    return plain.replace("%", r"\%").replace("_", r"\_").encode(errors="replace").decode()
