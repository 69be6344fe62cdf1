"""Our own texts, as messages and the API's description have them, as HTML."""

from __future__ import annotations

from markupsafe import Markup, escape


def marked(text: str) -> Markup:
    """Text with `code` and **strong words**, escaped.

    >>> str(marked("`myi open` makes <another>"))
    '<code>myi open</code> makes &lt;another&gt;'
    """
    parts = []
    for number, part in enumerate(str(escape(" ".join(text.split()))).split("`")):
        words = part.split("**")
        strong = "".join(f"<strong>{one}</strong>" if at % 2 else one for at, one in enumerate(words))
        parts.append(f"<code>{part}</code>" if number % 2 else strong)
    return Markup("".join(parts))


def as_sentence(text: str) -> str:
    """The message of an error as a sentence of a page.

    >>> as_sentence("no song was played"), as_sentence("'x' is no zone.")
    ('No song was played.', "'x' is no zone.")
    """
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
