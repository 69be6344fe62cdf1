"""How much two cores are: other guests of a machine may have one of them, which no clock of this one shows."""

from __future__ import annotations

import multiprocessing

from benchmarks.pipeline import timed

_STEPS = 3_000_000


def cores_to_be_had() -> float:
    """How much of the work of two processes gets done in the time that one takes for its own: 2.0 at best."""
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.map(_work, [1, 1], chunksize=1)  # both are there
        _, alone = timed(lambda: pool.map(_work, [_STEPS], chunksize=1))
        _, together = timed(lambda: pool.map(_work, [_STEPS, _STEPS], chunksize=1))
    return 2 * alone / together


def _work(steps: int) -> int:
    return sum(step * step for step in range(steps))
