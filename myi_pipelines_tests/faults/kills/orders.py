"""What the harness tells the processes that it kills."""

from __future__ import annotations

from typing import NamedTuple

HANGS = -1000
"""Stands for the exit code of a process that did not end in time."""


class Order(NamedTuple):
    """What a process is to do, and where it ends."""

    command: list[str]
    """Arguments of ``myi``; or `heal` for the run that Dagster's daemon starts, `exchange` for rebuilt months."""
    environment: dict[str, str]
    folder: str
    """Where it works. Changes of files below it are steps, but for Dagster's own folder."""
    output: str
    """The file for what it prints; beside it lie the number of its steps and where it was killed."""
    stop_at: int | None = None
    is_cut: bool = False
    """It loses its connection in place of being killed."""
    moment: float = 0.0
    """How far into the step the end comes, from 0 to 1."""
    step_seconds: float = 0.02
    """How long a step is taken for."""
