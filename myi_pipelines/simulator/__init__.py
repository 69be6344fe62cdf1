"""A Spotify that we can run: a real HTTP server with the accounts service and the Web API, for made-up listeners who
keep listening as a simulated clock moves. Faults on demand. Knows nothing of the warehouse or of Dagster.

`python -m myi_pipelines.simulator --help` runs one; tests use `Simulator`.
"""

from myi_pipelines.simulator.control import Control, ControlRefused, TruePlay
from myi_pipelines.simulator.request_log import LoggedRequest
from myi_pipelines.simulator.server import NotStarted, Simulator
from myi_pipelines.simulator.simulated_spotify import Mode, Setup

__all__ = ["Control", "ControlRefused", "LoggedRequest", "Mode", "NotStarted", "Setup", "Simulator", "TruePlay"]
