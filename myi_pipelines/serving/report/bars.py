"""Bars, columns and sparklines as plain text, from numbers alone. Knows no report and no colour."""

from collections.abc import Sequence

_EIGHTHS_UP = " ▁▂▃▄▅▆▇█"


def _eighths(value: float, largest: float, cells: int) -> int:
    """How many eighths of `cells` a value fills; whatever is above zero shows."""
    if value <= 0 or largest <= 0:
        return 0
    return max(1, min(cells * 8, round(value / largest * cells * 8)))


def bar(value: float, largest: float, width: int) -> str:
    """A thin bar to the right, `width` cells for the largest value, in steps of half a cell.

    >>> bar(5, 8, 4), bar(1, 1000, 4), bar(0, 4, 4)
    ('━━╸', '╸', '')
    """
    if value <= 0 or largest <= 0:
        return ""
    whole, half = divmod(max(1, min(width * 2, round(value / largest * width * 2))), 2)
    return "━" * whole + "╸" * half


def spark(values: Sequence[float], largest: float) -> str:
    """One cell for each value; nothing at all is a dot.

    >>> spark([0, 1, 4, 8], 8)
    '·▁▄█'
    """
    return "".join(_EIGHTHS_UP[_eighths(value, largest, 1)] if value > 0 else "·" for value in values)


def columns(values: Sequence[float], height: int, width: int) -> list[list[str]]:
    """Upright bars: rows from the top, each with one text of `width` cells for each value.

    >>> columns([1, 4, 2], height=2, width=2)
    [['  ', '██', '  '], ['▄▄', '██', '██']]
    """
    largest = max(values, default=0)
    filled = [_eighths(value, largest, height) for value in values]
    return [
        [_EIGHTHS_UP[max(0, min(8, eighths - 8 * level))] * width for eighths in filled]
        for level in range(height - 1, -1, -1)
    ]
