"""What the demo shows at its end."""

import io
from datetime import UTC, date, datetime
from pathlib import Path

from rich.console import Console

from myi_pipelines.demo.sample_upload import SampleUpload
from myi_pipelines.demo.screen import next_steps
from myi_pipelines.orchestration.names import lineage_url
from myi_pipelines.settings import Settings


def test_links_are_not_cut_where_the_terminal_is_narrow() -> None:
    settings = Settings(home=Path(".myi-demo"))
    link = settings.web_url + "/sign-in/link/" + "x" * 43
    sample = SampleUpload((), (), (), frozenset(), date(2026, 11, 28))
    shown = io.StringIO()
    steps = next_steps(settings, sample, link=link, next_poll=datetime.now(UTC))
    Console(file=shown, width=40).print(steps, soft_wrap=True)
    ends = [line.split()[-1] for line in shown.getvalue().splitlines() if line.strip()]
    assert {link, lineage_url(settings.ui_url)} <= set(ends)
