"""The guide's notebook does what it shows, cell by cell."""

import json

import pytest

from myi_pipelines_tests.support.executed_notebook import NOTEBOOK, executed


def test_the_guide_s_notebook_runs_and_shows_what_it_did(sampled_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYI_DATABASE_URL", sampled_url)
    written = [one for one in json.loads(NOTEBOOK.read_text())["cells"] if one["cell_type"] == "code"]
    shown = [one for one in executed(NOTEBOOK)["cells"] if one["cell_type"] == "code"]
    for before, now in zip(written, shown, strict=True):
        kinds = [[sorted(output.get("data", ())) for output in cell["outputs"]] for cell in (before, now)]
        assert kinds[0] == kinds[1], "".join(now["source"])
    assert sum("image/png" in str(cell["outputs"]) for cell in shown) == 4
    assert NOTEBOOK.stat().st_size < 200_000
