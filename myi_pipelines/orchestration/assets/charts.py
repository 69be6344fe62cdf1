"""Small bar charts as inline PNG images for Dagster's metadata."""

import base64
import io
from collections.abc import Sequence

import dagster as dg

SIZE_INCHES = (8.0, 2.6)
BAR, INK = "#1db954", "#3c4548"


def bar_chart(title: str, labels: Sequence[str], values: Sequence[int]) -> dg.MarkdownMetadataValue:
    """A bar chart of a few kilobytes. Labels may be empty where there is no room for one under every bar."""
    # Loaded only by a run that draws: every process that opens the definitions would wait for it.
    from matplotlib.figure import Figure
    from matplotlib.ticker import StrMethodFormatter

    figure = Figure(figsize=SIZE_INCHES, dpi=100, layout="constrained")
    axes = figure.add_subplot()
    axes.bar(range(len(values)), values, color=BAR)
    axes.set_title(title, loc="left", color=INK)
    ticks = [number for number, label in enumerate(labels) if label]
    axes.set_xticks(ticks, [labels[number] for number in ticks])
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.tick_params(colors=INK, length=0)
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.margins(x=0.01)
    png = io.BytesIO()
    figure.savefig(png, format="png")
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{base64.b64encode(png.getvalue()).decode()})")
