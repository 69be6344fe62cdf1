"""What notebooks read: pandas DataFrames of what a listener played, by the questions of ``serving.queries``.

``myi_pipelines.connect`` is ``connect`` here, loaded when it is first asked for: pandas and pyarrow take a second.
"""

from myi_pipelines.serving.notebooks.connecting import connect
from myi_pipelines.serving.notebooks.listening import Listening, NotExact

__all__ = ["Listening", "NotExact", "connect"]
