"""Landing plays that programs submit one by one or in batches, as scrobblers do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from myi_pipelines.text import shortened
from myi_pipelines.warehouse.binary_copy import Packer, PlayContext, TrackNames
from myi_pipelines.warehouse.database.connections import Connection, fetch_scalar
from myi_pipelines.warehouse.database.locks import Lock, acquire, exclusive, shared
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.import_jobs import READER
from myi_pipelines.warehouse.landing import land_arriving, land_names, staged_upload
from myi_pipelines.warehouse.partitions import ensure_months

LONGEST_CLIENT = 100
"""Characters of a program's name that are kept."""

SubmittedPlay = tuple[TrackNames, PlayContext | None, datetime, datetime, int | None, int | None]
"""A play as ``sources.exports.submitted_play`` makes it."""


class _Batch:
    """Submitted plays as the packer takes rows of a file."""

    bytes_read = cleaned = 0
    rejected: dict[str, int] = {}  # noqa: RUF012
    notes: Sequence[str] = ()

    def __init__(self, plays: Sequence[SubmittedPlay]) -> None:
        self.plays = plays
        self.rows = len(plays)


def land_submitted_plays(
    conn: Connection, user_id: int, client: str, plays: Sequence[SubmittedPlay], *, min_play_ms: int
) -> int:
    """Land plays that a program submitted, and invalidate the user-months that they change; return how many were new.

    All of them land or none. Plays that landed before stay as they are, so that a program may try again. They land
    under an import job of the user and the program, ``client``, by which they can be undone. The next derivation takes
    their names into the catalog, which all users share: so an id that is known as another song's is left out.
    """
    if not plays:
        return 0
    name = f"plays submitted by {shortened(client, LONGEST_CLIENT) or 'a program'}"
    with staged_upload(conn) as staging:
        staging.add(Packer(min_play_ms).pack(_Batch(_without_odd_ids(conn, plays))))
        staging.settle()
        months = sorted(staging.months)
        ensure_months(conn, months)
        for _ in land_names(conn):
            pass
        with conn.transaction():
            acquire(conn, shared(Lock.ARCHIVE), exclusive(Lock.USER, user_id))
            job = {"user_id": user_id, "name": name, "client": client, "reader": READER}
            job_id = int(fetch_scalar(conn, statement("submissions/job"), job))
            conn.execute(statement("landing/arriving_plays"))
            added = sum(land_arriving(conn, user_id, job_id, months).values())
            counts = {"job_id": job_id, "rows": len(plays), "added": added, "duplicates": len(plays) - added}
            conn.execute(statement("submissions/count"), counts)
            if added:
                conn.execute("UPDATE users SET last_ingested_at = now() WHERE id = %s", [user_id])
    return added


def _without_odd_ids(conn: Connection, plays: Sequence[SubmittedPlay]) -> list[SubmittedPlay]:
    """The plays, those whose id is that of another song by their names alone."""
    ids, titles, artists = ([track[column] for track, *_ in plays] for column in range(3))
    asked = {"ids": ids, "titles": titles, "artists": artists}
    odd = {number - 1 for (number,) in conn.execute(statement("submissions/odd_ids"), asked)}
    kept = list(plays)
    for place in odd:
        (_, *names), *others = plays[place]
        kept[place] = cast(SubmittedPlay, ((None, *names), *others))
    return kept
