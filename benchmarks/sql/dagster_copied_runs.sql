-- One row per asset that the copies of a run materialize. The copies have ids of their own, and everything that
-- Dagster's tables hold of the run, each a while later than the one before; the assets' latest run is the last copy.
WITH copies AS MATERIALIZED (
    SELECT n, gen_random_uuid()::text AS run_id,
           %(start)s::timestamp + make_interval(secs => n * %(step)s) - create_timestamp AS later
    FROM runs
    CROSS JOIN generate_series(0, %(copies)s - 1) AS n
    WHERE runs.run_id = %(run_id)s
), copied_runs AS (
    INSERT INTO runs (
        run_id, snapshot_id, pipeline_name, mode, status, run_body, partition, partition_set, create_timestamp,
        update_timestamp, start_time, end_time, backfill_id
    )
    SELECT copies.run_id, snapshot_id, pipeline_name, mode, status, replace(run_body, %(run_id)s, copies.run_id),
           partition, partition_set, create_timestamp + later, update_timestamp + later,
           start_time + extract(epoch FROM later), end_time + extract(epoch FROM later), backfill_id
    FROM runs
    CROSS JOIN copies
    WHERE runs.run_id = %(run_id)s
    ORDER BY n
), copied_tags AS (
    INSERT INTO run_tags (run_id, key, value)
    SELECT copies.run_id, key, value
    FROM run_tags
    CROSS JOIN copies
    WHERE run_tags.run_id = %(run_id)s
), ordered_events AS (
    SELECT copies.run_id, copies.later, n, event_logs.id AS old_id, replace(event, %(run_id)s, copies.run_id) AS event,
           dagster_event_type, timestamp + later AS timestamp, step_key, asset_key, partition
    FROM event_logs
    CROSS JOIN copies
    WHERE event_logs.run_id = %(run_id)s
    ORDER BY n, event_logs.id
), events AS MATERIALIZED (
    SELECT nextval('event_logs_id_seq') AS id, ordered_events.* FROM ordered_events
), copied_events AS (
    INSERT INTO event_logs (id, run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition)
    SELECT id, run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition FROM events
), copied_event_tags AS (
    INSERT INTO asset_event_tags (event_id, asset_key, key, value, event_timestamp)
    SELECT events.id, tags.asset_key, tags.key, tags.value, tags.event_timestamp + later
    FROM asset_event_tags AS tags
    JOIN events ON events.old_id = tags.event_id
), copied_checks AS (
    INSERT INTO asset_check_executions (
        asset_key, check_name, partition, run_id, execution_status, evaluation_event, evaluation_event_timestamp,
        evaluation_event_storage_id, materialization_event_storage_id, create_timestamp
    )
    SELECT checks.asset_key, check_name, checks.partition, copies.run_id, execution_status,
           replace(evaluation_event, %(run_id)s, copies.run_id), evaluation_event_timestamp + copies.later,
           evaluation.id, materialization.id, create_timestamp + copies.later
    FROM asset_check_executions AS checks
    CROSS JOIN copies
    LEFT JOIN events AS evaluation
        ON evaluation.old_id = evaluation_event_storage_id AND evaluation.run_id = copies.run_id
    LEFT JOIN events AS materialization
        ON materialization.old_id = materialization_event_storage_id AND materialization.run_id = copies.run_id
    WHERE checks.run_id = %(run_id)s
)
UPDATE asset_keys
SET last_materialization = replace(last_materialization, last_run_id, latest.run_id),
    last_run_id = latest.run_id, last_materialization_timestamp = latest.timestamp
FROM (
    SELECT DISTINCT ON (asset_key) asset_key, run_id, timestamp
    FROM events
    WHERE dagster_event_type = 'ASSET_MATERIALIZATION'
    ORDER BY asset_key, id DESC
) AS latest
WHERE asset_keys.asset_key = latest.asset_key
RETURNING asset_keys.asset_key
