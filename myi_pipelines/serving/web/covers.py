"""Covers where no picture is known: a letter and a shape, the same ones each time for the same name.

Fourteen pairs of colours and eight shapes, as a small record label might have them. The page's serif draws the letter.
"""

from __future__ import annotations

import hashlib
import unicodedata

from markupsafe import Markup, escape

INKS = (
    ("#22304a", "#4d6a94", "#f7f1e1"),
    ("#6d1a36", "#b0475f", "#fdeee6"),
    ("#0f4341", "#2f7d74", "#f6efd8"),
    ("#ead9b5", "#e0a458", "#3a2413"),
    ("#a8432d", "#7a2b20", "#fbe9cf"),
    ("#d3dce6", "#9db6d1", "#17263d"),
    ("#38284a", "#7c5590", "#f8e9f4"),
    ("#dfe3cf", "#a9b88a", "#232f1c"),
    ("#1d1c22", "#514d5c", "#f4f1f8"),
    ("#f2cfc0", "#dd8f83", "#4a1522"),
    ("#35577a", "#16324f", "#f6e9c0"),
    ("#ddd0ea", "#b291cd", "#2c1a45"),
    ("#e2b33c", "#c98a1b", "#33200a"),
    ("#5b6b3a", "#38451f", "#f4f0d4"),
)
"""Ground, shape, letter. The letter reads on both."""
SHAPES = (
    '<circle cx="{a}" cy="{b}" r="58"/>',
    '<path d="M0 100V{a}A{b} {b} 0 0 1 {b} 100Z"/><path d="M100 0V{b}A{b} {b} 0 0 1 {a} 0Z"/>',
    '<path d="M0 {a}L100 {b}V100H0Z"/>',
    '<path d="M0 18H100V26H0ZM0 36H100V44H0ZM0 54H100V62H0ZM0 72H100V80H0Z"/>',
    '<path d="M50 0A50 50 0 0 1 50 100Z"/>',
    '<path d="M0 0H{a}V{a}H0ZM{a} {a}H100V100H{a}Z"/>',
    '<path d="M0 100A100 100 0 0 1 100 0V32A68 68 0 0 0 32 100ZM54 100A46 46 0 0 1 100 54V84A16 16 0 0 0 84 100Z"/>',
    '<circle cx="50" cy="50" r="44"/><circle cx="50" cy="50" r="{s}" class="hole"/>',
)


def letterform(name: str, key: str = "", *, is_round: bool = False) -> Markup:
    """A cover as SVG for `name`. `key` tells covers of the same name apart, as an artist does albums. In a round one
    the letter is in the middle."""
    digest = hashlib.blake2b(f"{key}\0{name}".encode(), digest_size=8).digest()
    ground, shape, letter = INKS[digest[0] % len(INKS)]
    form = SHAPES[digest[1] % len(SHAPES)].format(a=28 + digest[2] % 44, b=28 + digest[3] % 44, s=12 + digest[4] % 14)
    form = form.replace('class="hole"', f'fill="{ground}"')
    x = 50 if is_round or digest[5] % 3 else 34
    return Markup(
        '<svg viewBox="0 0 100 100" aria-hidden="true" focusable="false">'
        f'<rect width="100" height="100" fill="{ground}"/>'
        f'<g fill="{shape}">{form}</g><text x="{x}" y="71" text-anchor="middle" font-size="60" fill="{letter}">'
        f"{escape(initial(name))}</text></svg>"
    )


def initial(name: str) -> str:
    """The first letter or digit of a name, in upper case where there is one; a note where there is none.

    >>> initial("the beatles"), initial("…And You"), initial("宇多田ヒカル"), initial("!!!")
    ('B', 'A', '宇', '♪')
    """
    words = name.split()
    if len(words) > 1 and words[0].casefold() in ("the", "a", "an"):
        name = " ".join(words[1:])
    for sign in unicodedata.normalize("NFC", name):
        if sign.isalnum():
            return sign.upper()[:1]
    return "♪"
