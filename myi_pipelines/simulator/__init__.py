"""A simulated Spotify: a real HTTP server with the accounts service and the Web API, for made-up users who listen as
a simulated clock moves. Beside it, what MusicBrainz would know of the same music. It produces faults on demand. It
imports nothing else of the package.

`python -m myi_pipelines.simulator --help` describes how to run one; tests use `Simulator`.
"""

from myi_pipelines.simulator.control import Control, ControlRefused, TruePlay
from myi_pipelines.simulator.request_log import LoggedRequest
from myi_pipelines.simulator.server import NotStarted, Simulator
from myi_pipelines.simulator.simulated_spotify import Mode, Setup

__all__ = ["Control", "ControlRefused", "LoggedRequest", "Mode", "NotStarted", "Setup", "Simulator", "TruePlay"]
