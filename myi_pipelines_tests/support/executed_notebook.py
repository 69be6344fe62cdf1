"""Executes the cells of a notebook in this process, as Jupyter does, and gives the notebook with what they showed.

A kernel of its own would take twenty packages more. ``python -m myi_pipelines_tests.support.executed_notebook`` writes
the outputs of docs/guide/listening.ipynb anew, over a larger sample. No expectations here.
"""

from __future__ import annotations

import ast
import base64
import io
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

from myi_pipelines.runtime.servers import POSTGRES, servers_of, start_servers, stop_servers
from myi_pipelines.settings import PROJECT, load_settings
from myi_pipelines.warehouse.schema.migrations import migrate
from myi_pipelines_tests.support import sampled_listeners

NOTEBOOK = PROJECT / "docs" / "guide" / "listening.ipynb"


def executed(path: Path) -> dict[str, Any]:
    """The notebook with the outputs of its cells. What a cell raises is raised."""
    notebook: dict[str, Any] = json.loads(path.read_text())
    names: dict[str, Any] = {"__name__": "__main__"}
    with mpl.rc_context({"backend": "agg", "figure.dpi": 72, "savefig.bbox": "tight"}):
        for number, cell in enumerate(one for one in notebook["cells"] if one["cell_type"] == "code"):
            cell["execution_count"] = number + 1
            cell["outputs"] = list(_outputs("".join(cell["source"]), names, number + 1))
    return notebook


def _outputs(source: str, names: dict[str, Any], number: int) -> Iterator[dict[str, Any]]:
    module = ast.parse(source)
    shown = module.body.pop() if module.body and isinstance(module.body[-1], ast.Expr) else None
    printed, value = io.StringIO(), None
    with redirect_stdout(printed):
        exec(compile(module, f"cell {number}", "exec"), names)
        if isinstance(shown, ast.Expr):
            value = eval(compile(ast.Expression(shown.value), f"cell {number}", "eval"), names)
    if text := printed.getvalue():
        yield {"output_type": "stream", "name": "stdout", "text": _lines(text)}
    if value is not None and not source.rstrip().endswith(";"):
        data = {"text/plain": _lines(repr(value))}
        if hasattr(value, "_repr_html_"):
            data["text/html"] = _lines(value._repr_html_())
        yield {"output_type": "execute_result", "execution_count": number, "metadata": {}, "data": data}
    for figure in map(plt.figure, plt.get_fignums()):
        picture = io.BytesIO()
        figure.savefig(picture, format="png", metadata={"Software": None})
        encoded = base64.b64encode(picture.getvalue()).decode()
        yield {"output_type": "display_data", "metadata": {}, "data": {"image/png": encoded}}
    plt.close("all")


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def _write() -> None:
    """Write the guide's notebook with what it shows of a sample of six years."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MYI_HOME"] = folder
        settings = load_settings()
        start_servers(settings, [POSTGRES])
        try:
            url = servers_of(settings).database_url
            migrate(url)
            sampled_listeners.fill(url, Path(folder) / "sample", plays=40_000, years=6, zones={})
            NOTEBOOK.write_text(json.dumps(executed(NOTEBOOK), indent=1, ensure_ascii=False) + "\n")
        finally:
            stop_servers(settings, [POSTGRES])


if __name__ == "__main__":
    _write()
