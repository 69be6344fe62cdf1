"""The demo from its first line to its last: what happens when. How each step is done is said in the other modules."""

import time
from collections.abc import Callable

from rich.console import Console

from myi_pipelines.demo.offer import Offer, offer_sample
from myi_pipelines.demo.view import next_steps, offered, screen
from myi_pipelines.demo.watch import is_anything_stale, moments
from myi_pipelines.report import load_report, render_report
from myi_pipelines.servers import servers_of
from myi_pipelines.settings import Settings
from myi_pipelines.stack import Stack, running_warehouse, starting_dagster
from myi_pipelines.warehouse.database import connect

Say = Callable[[str], None]


def run_demo(settings: Settings, *, plays: int, stay: bool, out: Console, err: Console, say: Say) -> None:
    """Have the sample imported, print the report, and with ``stay`` serve Dagster's UI until Ctrl-C.

    The report goes to ``out``, progress to ``err`` and plain remarks to ``say``. Raises DemoFailed, whatever keeps the
    stack from starting, and KeyboardInterrupt when Ctrl-C comes before the report; all that was started is stopped.
    """
    with running_warehouse(settings, say):
        offer, is_imported = _offer(settings, plays, say)
        if is_imported:
            _report(settings, out)
            if not stay:
                out.print(next_steps(settings, offer, is_serving=False))
                return
        since = time.time()
        with starting_dagster(settings, say) as stack:
            if is_imported:
                stack.wait_until_serving()
            else:
                _watch(settings, stack, offer, since, err)
                _report(settings, out)
            out.print(next_steps(settings, offer, is_serving=stay))
            if stay:
                _serve(stack)


def _offer(settings: Settings, plays: int, say: Say) -> tuple[Offer, bool]:
    """The sample, put where Dagster finds it, and whether there is nothing left to do."""
    with connect(servers_of(settings).database_url, application_name="myi demo") as conn:
        offer = offer_sample(conn, settings.uploads, plays=plays)
        for line in offered(offer, settings.uploads):
            say(line)
        return offer, not offer.waiting and not is_anything_stale(conn)


def _watch(settings: Settings, stack: Stack, offer: Offer, since: float, err: Console) -> None:
    with connect(servers_of(settings).database_url, application_name="myi demo") as conn, screen(err) as drawn:
        for moment in moments(conn, settings, stack, offer, since):
            drawn.show(moment)


def _report(settings: Settings, out: Console) -> None:
    with connect(servers_of(settings).database_url, application_name="myi demo") as conn:
        render_report(load_report(conn), out)


def _serve(stack: Stack) -> None:
    try:
        while True:
            stack.raise_if_ended()
            time.sleep(0.5)
    except KeyboardInterrupt:
        return
