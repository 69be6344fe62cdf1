"""Everything of one user that is invalidated is derived: events from plays, then statistics from events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from myi_pipelines.warehouse.events import conform_user_months
from myi_pipelines.warehouse.session import Session
from myi_pipelines.warehouse.stats import refresh_stats
from myi_pipelines.warehouse.user_months import Stage, invalidated_user_months

ROUNDS = 5
"""Restored plays, and events that move to another month, may invalidate more user-months."""


class DerivedUser(NamedTuple):
    """How the events of a user changed."""

    user_months: int = 0
    more_plays: int = 0
    """How many plays of anything count more than before; negative: fewer."""


def derive_user(session: Session, user_id: int, months: Sequence[date] = ()) -> DerivedUser:
    """Derive the user-months of a user that are invalidated, and the statistics of the given months in any case.

    What is derived is committed user-month by user-month, so an interrupted call is continued by the next one, or by
    ``myi up``. Raises UserMonthsArchived when archived plays are needed and the session cannot restore them.
    """
    total = DerivedUser()
    for _ in range(ROUNDS):
        for _, conformed in conform_user_months(
            session, invalidated_user_months(session.conn, Stage.EVENTS, user_id=user_id)
        ):
            total = DerivedUser(
                total.user_months + 1,
                total.more_plays + conformed.added - conformed.removed + conformed.more_episodes,
            )
        refresh_stats(session, user_id, months)
        if not invalidated_user_months(session.conn, Stage.EVENTS, user_id=user_id):
            break
    return total
