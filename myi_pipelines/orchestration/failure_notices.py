"""Runs that failed and checks that did not pass become messages: which ones, worded how, and not too many of them. How
a message reaches people is ``notifications``' business."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

import dagster as dg
from dagster import DagsterEventType, DagsterInstance, SensorEvaluationContext

from myi_pipelines.operations.monitoring.notifications import NotSent, notify, urls_of
from myi_pipelines.orchestration.instance.dagster_internals import WILL_RETRY_TAG, EventLogRecord, get_current_datetime
from myi_pipelines.settings import Settings, SettingsError, load_settings

EVENTS_A_TICK = 500
LONGEST_REASON = 300

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OFF = "MYI_NOTIFY_URLS is empty: nobody is told of failures. Set it, and start MYI again."

_WATCHED = DagsterEventType.RUN_FAILURE, DagsterEventType.ASSET_CHECK_EVALUATION


@dataclass
class Subject:
    """A job or a check that failed: when people were last told, and what they were not told yet."""

    title: str
    pause_seconds: float
    last_report_at: float = 0.0
    untold: int = 0
    text: str = ""

    def is_due(self, now: datetime) -> bool:
        """Whether there is something to tell, and it may be told."""
        return self.untold > 0 and now.timestamp() - self.last_report_at >= self.pause_seconds


@dataclass
class AlertState:
    """What the sensor remembers from tick to tick."""

    seen: dict[str, int]
    """The last event of each kind that was looked at."""
    subjects: dict[str, Subject] = field(default_factory=dict)

    @classmethod
    def read(cls, cursor: str) -> AlertState:
        """What an earlier tick wrote."""
        content = json.loads(cursor)
        return cls(content["seen"], {key: Subject(**one) for key, one in content["subjects"].items()})

    def written(self) -> str:
        """To be given to the next tick."""
        return json.dumps(asdict(self))

    def add(self, key: str, title: str, text: str, pause: timedelta) -> None:
        """One more failure: the latest is the one that is described."""
        subject = self.subjects.setdefault(key, Subject(title, pause.total_seconds()))
        subject.title, subject.text, subject.pause_seconds = title, text, pause.total_seconds()
        subject.untold += 1

    def forget_old(self, now: datetime) -> None:
        """Drop the subjects that nothing is left to tell of, and that may be told of at once when they fail again."""
        self.subjects = {
            key: one
            for key, one in self.subjects.items()
            if one.untold or now.timestamp() - one.last_report_at < one.pause_seconds
        }


def is_configured() -> bool:
    """Whether the settings name a service, for the definitions, which load whatever the settings are."""
    try:
        return bool(urls_of(load_settings()))
    except SettingsError:
        return False


@dg.sensor(
    name="failure_notices",
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING if is_configured() else dg.DefaultSensorStatus.STOPPED,
    description="Tells people of failed runs and checks through the services that MYI_NOTIFY_URLS names: at most one "
    "message an hour of each, and one a day of a check that only warns. Off until MYI_NOTIFY_URLS is set.",
)
def failure_notices(context: SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    settings = load_settings()
    if not urls_of(settings):
        return dg.SkipReason(OFF)
    now = get_current_datetime()
    if context.cursor is None:
        book = AlertState({kind.value: _latest(context.instance, kind) for kind in _WATCHED})
        return dg.SensorResult(skip_reason="Watching from now on.", cursor=book.written())
    book = AlertState.read(context.cursor)
    for record in _new_events(context.instance, book):
        _note(context.instance, settings, book, record)
    said = _tell(settings, book, now)
    book.forget_old(now)
    return dg.SensorResult(skip_reason=" ".join(said) or "Nothing failed.", cursor=book.written())


def _tell(settings: Settings, book: AlertState, now: datetime) -> list[str]:
    """Send what is due; what was sent, held back and not taken, for whoever looks at the tick."""
    said = []
    for subject in book.subjects.values():
        if not subject.is_due(now):
            if subject.untold:
                said.append(f"Held back: {subject.untold} of {subject.title!r}.")
            continue
        more = subject.untold - 1
        length = "an hour" if subject.pause_seconds <= HOUR.total_seconds() else "a day"
        held = f"\nAnd {more:,} more since the last message: there is at most one {length}." if more else ""
        try:
            sent = notify(settings, f"MYI: {subject.title}", subject.text + held)
        except NotSent as error:
            said.append(f"{subject.title!r}: {error}; tried again at the next tick.")
            continue
        subject.last_report_at, subject.untold, subject.text = now.timestamp(), 0, ""
        refused = f" Not taken by: {', '.join(sent.refused)}." if sent.refused else ""
        said.append(f"Sent: {subject.title!r} to {', '.join(sent.took)}.{refused}")
    return said


def _latest(instance: DagsterInstance, kind: DagsterEventType) -> int:
    records = instance.event_log_storage.get_event_records(dg.EventRecordsFilter(kind), limit=1)
    return records[0].storage_id if records else 0


def _new_events(instance: DagsterInstance, book: AlertState) -> Iterable[EventLogRecord]:
    """The events since the last tick, which count as seen from now on."""
    for kind in _WATCHED:
        wanted = dg.EventRecordsFilter(kind, after_cursor=book.seen.get(kind.value, 0))
        for record in instance.event_log_storage.get_event_records(wanted, limit=EVENTS_A_TICK, ascending=True):
            book.seen[kind.value] = record.storage_id
            yield record


def _note(instance: DagsterInstance, settings: Settings, book: AlertState, record: EventLogRecord) -> None:
    event, run_id = record.event_log_entry.dagster_event, record.run_id
    if event is None:
        return
    link = f"{settings.ui_url}/runs/{run_id}"
    if event.event_type == DagsterEventType.RUN_FAILURE:
        run = instance.get_run_by_id(run_id)
        if run is None or run.tags.get(WILL_RETRY_TAG) == "true":
            return  # Removed, or its process died and Dagster starts it again.
        text = f"{_reason(instance, run_id) or _short(event.message or 'no reason was given')}\n{link}"
        book.add(f"job {run.job_name}", f"{run.job_name} failed", text, HOUR)
        return
    evaluation = event.asset_check_evaluation_data
    if not evaluation.passed:
        is_warning = evaluation.severity == dg.AssetCheckSeverity.WARN
        name = f"{evaluation.asset_key.to_user_string()}: {evaluation.check_name}"
        title = f"{name} {'warns' if is_warning else 'failed'}"
        text = f"{_short(evaluation.description or 'no description')}\n{link}"
        book.add(f"check {name}", title, text, DAY if is_warning else HOUR)


def _reason(instance: DagsterInstance, run_id: str) -> str | None:
    """The first failed step and its error's own words, without a traceback."""
    records = instance.get_records_for_run(run_id, of_type=DagsterEventType.STEP_FAILURE, limit=1).records
    event = records[0].event_log_entry.dagster_event if records else None
    if event is None:
        return None
    data = event.step_failure_data
    told = data.user_failure_data.description if data.user_failure_data else None
    error = data.error.cause or data.error if data.error else None
    return f"{event.step_key}: {_short(told or (error.message if error else '') or 'no reason was given')}"


def _short(text: str) -> str:
    """In one line, and not a long one."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_REASON else f"{line[: LONGEST_REASON - 1]}…"
