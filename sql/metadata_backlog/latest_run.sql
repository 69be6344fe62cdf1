-- At most one row: the latest run that fetched metadata.
SELECT ended_at, calls, fetched, failed, stopped, is_broken, plays, plays_with_metadata FROM latest_metadata_run
