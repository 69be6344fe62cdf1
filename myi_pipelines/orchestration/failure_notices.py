"""Runs that failed and checks that did not pass become messages: which ones, their words, and how many.

What a check says comes from the check, and so from ``operations.monitoring.health``; ``notifications`` sends the
messages.
"""

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
from myi_pipelines.text import shortened

EVENTS_A_TICK = 500
LONGEST_REASON = 300
NO_REASON = "no reason was given"

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OFF = "MYI_NOTIFY_URLS is empty: no messages are sent about failures. Set it, and start MYI again."

_WATCHED = DagsterEventType.RUN_FAILURE, DagsterEventType.ASSET_CHECK_EVALUATION


@dataclass
class Subject:
    """A job or a check that failed: when its last message was sent, and the failures since then."""

    title: str
    pause_seconds: float
    last_sent_at: float = 0.0
    unsent: int = 0
    """Failures that no message has reported yet."""
    text: str = ""

    def is_due(self, now: datetime) -> bool:
        """Whether there is a failure to report, and the last message is long enough ago."""
        return self.unsent > 0 and now.timestamp() - self.last_sent_at >= self.pause_seconds


@dataclass
class AlertState:
    """What the sensor remembers from tick to tick."""

    seen: dict[str, int]
    """The last event of each kind that was read."""
    subjects: dict[str, Subject] = field(default_factory=dict)

    @classmethod
    def parse(cls, cursor: str) -> AlertState:
        """The state that an earlier tick serialized."""
        content = json.loads(cursor)
        return cls(content["seen"], {key: Subject(**one) for key, one in content["subjects"].items()})

    def serialized(self) -> str:
        """The state for the next tick."""
        return json.dumps(asdict(self))

    def add(self, key: str, title: str, text: str, pause: timedelta) -> None:
        """Add a failure. A message describes the latest one of a subject and counts the others."""
        subject = self.subjects.setdefault(key, Subject(title, pause.total_seconds()))
        subject.title, subject.text, subject.pause_seconds = title, text, pause.total_seconds()
        subject.unsent += 1

    def remove_old(self, now: datetime) -> None:
        """Drop the subjects without unsent failures of which the next failure may be reported at once."""
        self.subjects = {
            key: one
            for key, one in self.subjects.items()
            if one.unsent or now.timestamp() - one.last_sent_at < one.pause_seconds
        }


def is_configured() -> bool:
    """Whether the settings name a service. The definitions ask for it, and load whatever the settings are."""
    try:
        return bool(urls_of(load_settings()))
    except SettingsError:
        return False


@dg.sensor(
    name="failure_notices",
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING if is_configured() else dg.DefaultSensorStatus.STOPPED,
    description="Sends messages about failed runs and checks through the services that MYI_NOTIFY_URLS names: at most "
    "one an hour about each, and one a day about a check that only warns. Off until MYI_NOTIFY_URLS is set.",
)
def failure_notices(context: SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    settings = load_settings()
    if not urls_of(settings):
        return dg.SkipReason(OFF)
    now = get_current_datetime()
    if context.cursor is None:
        state = AlertState({kind.value: _latest(context.instance, kind) for kind in _WATCHED})
        return dg.SensorResult(skip_reason="Watching from now on.", cursor=state.serialized())
    state = AlertState.parse(context.cursor)
    for record in _new_events(context.instance, state):
        _add_failure(context.instance, settings, state, record)
    report = [line for subject in state.subjects.values() if (line := _send_if_due(settings, subject, now))]
    state.remove_old(now)
    return dg.SensorResult(skip_reason=" ".join(report) or "Nothing failed.", cursor=state.serialized())


def _send_if_due(settings: Settings, subject: Subject, now: datetime) -> str | None:
    """Send the message about a subject when it is due; what became of it, for the tick's page in the UI."""
    if not subject.is_due(now):
        return f"Held back: {subject.unsent} of {subject.title!r}." if subject.unsent else None
    try:
        sent = notify(settings, f"MYI: {subject.title}", subject.text + _others(subject))
    except NotSent as error:
        return f"{subject.title!r}: {error}; tried again at the next tick."
    subject.last_sent_at, subject.unsent, subject.text = now.timestamp(), 0, ""
    refused = f" Refused by: {', '.join(sent.refused)}." if sent.refused else ""
    return f"Sent: {subject.title!r} to {', '.join(sent.accepted)}.{refused}"


def _others(subject: Subject) -> str:
    more = subject.unsent - 1
    if not more:
        return ""
    length = "an hour" if subject.pause_seconds <= HOUR.total_seconds() else "a day"
    return f"\nAnd {more:,} more since the last message: there is at most one {length}."


# Reading Dagster's events


def _latest(instance: DagsterInstance, kind: DagsterEventType) -> int:
    records = instance.event_log_storage.get_event_records(dg.EventRecordsFilter(kind), limit=1)
    return records[0].storage_id if records else 0


def _new_events(instance: DagsterInstance, state: AlertState) -> Iterable[EventLogRecord]:
    """The events since the last tick, which count as seen from now on."""
    for kind in _WATCHED:
        wanted = dg.EventRecordsFilter(kind, after_cursor=state.seen.get(kind.value, 0))
        for record in instance.event_log_storage.get_event_records(wanted, limit=EVENTS_A_TICK, ascending=True):
            state.seen[kind.value] = record.storage_id
            yield record


def _add_failure(instance: DagsterInstance, settings: Settings, state: AlertState, record: EventLogRecord) -> None:
    event, run_id = record.event_log_entry.dagster_event, record.run_id
    if event is None:
        return
    link = f"{settings.ui_url}/runs/{run_id}"
    if event.event_type == DagsterEventType.RUN_FAILURE:
        run = instance.get_run_by_id(run_id)
        if run is None or run.tags.get(WILL_RETRY_TAG) == "true":
            return  # Removed, or its process died and Dagster starts it again.
        reason = _failed_step(instance, run_id) or shortened(event.message or NO_REASON, LONGEST_REASON)
        state.add(f"job {run.job_name}", f"{run.job_name} failed", f"{reason}\n{link}", HOUR)
        return
    evaluation = event.asset_check_evaluation_data
    if not evaluation.passed:
        is_warning = evaluation.severity == dg.AssetCheckSeverity.WARN
        name = f"{evaluation.asset_key.to_user_string()}: {evaluation.check_name}"
        description = shortened(evaluation.description or "no description", LONGEST_REASON)
        title = f"{name} {'warns' if is_warning else 'failed'}"
        state.add(f"check {name}", title, f"{description}\n{link}", DAY if is_warning else HOUR)


def _failed_step(instance: DagsterInstance, run_id: str) -> str | None:
    """The first failed step and its error's own words, without a traceback."""
    records = instance.get_records_for_run(run_id, of_type=DagsterEventType.STEP_FAILURE, limit=1).records
    event = records[0].event_log_entry.dagster_event if records else None
    if event is None:
        return None
    data = event.step_failure_data
    description = data.user_failure_data.description if data.user_failure_data else None
    error = data.error.cause or data.error if data.error else None
    reason = description or (error.message if error else "") or NO_REASON
    return f"{event.step_key}: {shortened(reason, LONGEST_REASON)}"
