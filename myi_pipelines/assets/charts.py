"""Small bar charts as inline PNG images for Dagster's metadata.

Drawn with Pillow: a plotting library would take longer to load than most runs take to derive what the chart shows.
"""

import base64
import io
import math
from collections.abc import Sequence

import dagster as dg
from PIL import Image, ImageDraw, ImageFont

SIZE = (1280, 400)
BARS = (90, 60, 1270, 360)
"""The box, left, top, right and bottom, in which the bars stand."""
COLORS = ("#ffffff", "#1db954", "#5f6b6f", "#d5dadb")
PAPER, BAR, INK, RULE = range(len(COLORS))
GRID_LINES_AT_MOST = 4


def bar_chart(title: str, labels: Sequence[str], values: Sequence[int]) -> dg.MarkdownMetadataValue:
    """A bar chart of a few kilobytes. Labels may be empty where there is no room for one under every bar."""
    image = Image.new("P", SIZE, PAPER)
    image.putpalette(bytes(int(color[i : i + 2], 16) for color in COLORS for i in (1, 3, 5)))
    draw = ImageDraw.Draw(image)
    draw.fontmode = "1"  # the palette has no shades
    font, large = ImageFont.load_default(size=22), ImageFont.load_default(size=26)
    left, top, right, bottom = BARS
    draw.text((left, 8), title, fill=INK, font=large)
    highest = max(1, *values)
    step = _round_step(highest / GRID_LINES_AT_MOST)
    lines = math.ceil(highest / step)
    height = step * lines
    for line in range(lines + 1):
        y = bottom - line * (bottom - top) // lines
        draw.line((left, y, right, y), fill=RULE, width=2)
        draw.text((left - 10, y), f"{line * step:,}", fill=INK, font=font, anchor="rm")
    slot = (right - left) / len(values)
    for number, (label, value) in enumerate(zip(labels, values, strict=True)):
        x = left + number * slot
        if value:
            head = bottom - value * (bottom - top) / height
            draw.rectangle((x + slot * 0.1, head, x + slot * 0.9, bottom), fill=BAR)
        if label:
            draw.text((x + slot / 2, bottom + 8), label, fill=INK, font=font, anchor="ma")
    png = io.BytesIO()
    image.save(png, "PNG", optimize=True)
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{base64.b64encode(png.getvalue()).decode()})")


def _round_step(step: float) -> int:
    """The next whole number of the form 1, 2 or 5 times a power of ten."""
    power = 1
    while True:
        for digit in (1, 2, 5):
            if digit * power >= step:
                return digit * power
        power *= 10
