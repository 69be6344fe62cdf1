-- One row: the latest run that fetched metadata, with the share of plays whose metadata is known after it.
INSERT INTO latest_metadata_run (ended_at, calls, fetched, failed, stopped, is_broken, plays, plays_with_metadata)
SELECT %(ended_at)s, %(calls)s, %(fetched)s, %(failed)s, %(stopped)s, %(is_broken)s, coverage.known,
       coverage.with_metadata
FROM ({reporting/metadata_coverage}) AS coverage
WHERE coverage.kind = 'plays'
ON CONFLICT (is_only) DO UPDATE
SET ended_at = excluded.ended_at, calls = excluded.calls, fetched = excluded.fetched, failed = excluded.failed,
    stopped = excluded.stopped, is_broken = excluded.is_broken, plays = excluded.plays,
    plays_with_metadata = excluded.plays_with_metadata
