"""Everything derived can be dropped and rebuilt: conforming and refreshing all months gives the same tables."""

from __future__ import annotations

import pytest

from myi_pipelines.warehouse import invariants
from myi_pipelines_tests.support import killable_import, reference
from myi_pipelines_tests.support.warehouse_harness import Warehouse

pytestmark = pytest.mark.slow

STATISTICS = (
    "user_track_months",
    "user_hour_months",
    "user_track_stats",
    "user_song_sums",
    "user_artist_stats",
    "user_album_stats",
    "user_month_edges",
    "user_year_top_tracks",
    "user_time_bucket_stats",
    "user_weekday_hour_stats",
    "user_hour_stats",
    "user_month_contexts",
    "user_context_stats",
)


@pytest.mark.few(1)
@pytest.mark.parametrize("dropped", [["listening_events"], *[[table] for table in STATISTICS], list(STATISTICS)])
def test_a_dropped_table_is_rebuilt_by_materializing_its_months(warehouse: Warehouse, dropped: list[str]) -> None:
    user_id = killable_import.prepare(warehouse, "rebuilt")
    killable_import.import_upload(warehouse, "rebuilt")
    user_months = warehouse.user_months_of(user_id)
    warehouse.conn.execute(f"TRUNCATE {', '.join(dropped)}".encode())

    if dropped == ["listening_events"]:
        warehouse.conform(user_months)
    warehouse.refresh(user_id, [one.month for one in user_months])

    assert invariants.check(warehouse.conn) == []
    assert warehouse.tables(user_id) == reference.derive({"rebuilt": killable_import.landing("rebuilt")})["rebuilt"]


def test_a_number_that_was_changed_by_hand_is_put_right(warehouse: Warehouse) -> None:
    user_id = killable_import.prepare(warehouse, "changed")
    expected = warehouse.rows(user_id)
    warehouse.conn.execute("UPDATE user_track_stats SET play_count = play_count + 1")
    warehouse.conn.execute("UPDATE user_artist_stats SET total_ms = 1")
    assert invariants.check(warehouse.conn)

    warehouse.refresh(user_id, [one.month for one in warehouse.user_months_of(user_id)])

    assert warehouse.rows(user_id) == expected
