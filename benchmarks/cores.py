"""How many cores this machine really has now: other guests may use one, which no clock of this machine shows."""

from __future__ import annotations

import multiprocessing

from benchmarks.pipeline import timed

_STEPS = 3_000_000


def available_cores() -> float:
    """How much work two processes do in the time in which one does its own: 2.0 at best."""
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.map(_work, [1, 1], chunksize=1)  # both processes have started
        _, alone = timed(lambda: pool.map(_work, [_STEPS], chunksize=1))
        _, together = timed(lambda: pool.map(_work, [_STEPS, _STEPS], chunksize=1))
    return 2 * alone / together


def _work(steps: int) -> int:
    return sum(step * step for step in range(steps))
