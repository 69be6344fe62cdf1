"""The process that the archive's crash test kills: `python -m ….support.killable_archiver URL FOLDER DOING`.

DOING is `archive`, or `restore` for restoring everything.
"""

from __future__ import annotations

import sys

from myi_pipelines.operations import archiving
from myi_pipelines.operations.parquet_store import Store
from myi_pipelines.warehouse import archive
from myi_pipelines.warehouse.database.connections import connect
from myi_pipelines_tests.support.archive_fixtures import ALL, NOW

APPLICATION = "myi archive victim"


def main(url: str, folder: str, doing: str) -> None:
    with connect(url, application_name=APPLICATION) as conn:
        store = Store(folder)
        store.write_table("warm", "polled_plays", [[(0, NOW, "", None, NOW, None, None)]])
        store.remove("warm")
        print("ready", flush=True)
        if doing == "archive":
            for outcome in archiving.archive_months(conn, store, before=ALL, now=NOW):
                assert outcome.error is None, outcome
        else:
            months = [part.month for part in archive.archived_parts(conn)]
            archiving.restore_archived(store, conn, archive.archived_user_months(conn, months))


if __name__ == "__main__":
    main(*sys.argv[1:])
