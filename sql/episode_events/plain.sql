-- One row per play that is not music and that plain user-months should have, which have only extended rows.
WITH distinct_rows AS MATERIALIZED (
    {episode_events/extended}
), extended AS MATERIALIZED ( -- noqa: ST03
    SELECT user_id, content_id AS track_id, played_at, ms_played, stopped_at, elapsed_s, context_id, export_track_id
    FROM distinct_rows AS t
    WHERE NOT ({episode_events/is_named})
)
SELECT user_id, played_at, export_track_id, ms_played, kind, context_id
FROM ({episode_events/streams}) AS plays
WHERE played_at >= %(starts_at)s AND played_at < %(ends_at)s AND NOT ({episode_events/is_hidden})
