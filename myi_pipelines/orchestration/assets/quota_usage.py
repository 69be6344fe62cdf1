"""What a step spent of Spotify's limits, as metadata."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dagster import AssetExecutionContext

from myi_pipelines.orchestration.assets.metadata import Metadata, markdown_table

if TYPE_CHECKING:
    from myi_pipelines.sources.spotify.rate_limits import EndpointUsage, Gate


class Spending:
    """The calls of a block, by family, as far as they are known when it has ended."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.usage: list[EndpointUsage] = []


@contextmanager
def spending(gate: "Gate") -> Iterator[Spending]:
    """Count what is called while the block runs, by whomever: the limits are shared."""
    spent = Spending()
    before = {usage.group: usage.calls_last_day for usage in gate.usage()}
    try:
        yield spent
    finally:
        spent.usage = gate.usage()
        spent.calls.update(
            {usage.group.value: max(0, usage.calls_last_day - before.get(usage.group, 0)) for usage in spent.usage}
        )


def not_asked(context: AssetExecutionContext, reason: str) -> Metadata:
    """What a step says that could ask nobody."""
    context.log.info(f"Spotify was not asked: {reason}")
    return {"not_asked": reason}


def calls_spent(spent: Spending) -> Metadata:
    """Calls of the step, and what is left of each endpoint group's day."""
    rows = [
        (
            usage.group.value,
            spent.calls[usage.group.value],
            usage.calls_last_day,
            max(0, usage.budget - usage.calls_last_day),
            f"{usage.blocked_until:%Y-%m-%d %H:%M} UTC" if usage.blocked_until else "",
        )
        for usage in spent.usage
        if usage.calls_last_day or usage.blocked_until
    ]
    calls: Metadata = {"run_calls": spent.calls.total()}
    if not rows:
        return calls
    columns = ("endpoints", "calls of this run", "calls in 24 h", "left", "blocked until")
    return {**calls, "quota": markdown_table(columns, rows)}
