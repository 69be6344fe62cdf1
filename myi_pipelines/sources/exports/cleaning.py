"""Remove from texts and file names what a database column or a terminal cannot hold."""

import re
from typing import Final

from myi_pipelines.text import printable

NAME_LIMIT: Final = 1_000
CONTEXT_LIMIT: Final = 200

_FILE_NAME_LIMIT: Final = 255

_UNWANTED: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

_UNDECODED: Final = re.compile(r"[\udc80-\udcff]")


def clean(text: str, limit: int) -> str | None:
    """`text` without control characters, with U+FFFD for lone surrogates, stripped and cut to `limit` characters.

    Returns None when nothing is left.

    >>> clean(" Caf\\u00e9\\x00 ", 1_000)
    'Café'
    """
    if _UNWANTED.search(text):
        text = _UNWANTED.sub(_replacement, text)
    return text.strip()[:limit].rstrip() or None


def is_clean(text: str | None, limit: int) -> bool:
    """Whether there is no text, or `clean` would return it unchanged. Faster than calling `clean` and comparing."""
    if not text:
        return True
    return (
        (text.isprintable() or not _UNWANTED.search(text))  # isprintable() is false for some languages' spaces
        and len(text) <= limit
        and text == text.strip()
    )


def is_undecoded(text: str | None) -> bool:
    """Whether a text has bytes that are no UTF-8, as they come out of `surrogateescape`."""
    return bool(text and _UNDECODED.search(text))


def printable_name(name: str) -> str:
    """A file name for one line of a terminal or a log. A file name may contain line breaks and escape sequences.

    >>> printable_name("endsong\\n.json")
    'endsong\ufffd.json'
    """
    shown = printable(name)
    return shown if len(shown) <= _FILE_NAME_LIMIT else f"…{shown[1 - _FILE_NAME_LIMIT :]}"


def _replacement(unwanted: re.Match[str]) -> str:
    return "\N{REPLACEMENT CHARACTER}" if unwanted[0] >= "\ud800" else ""
