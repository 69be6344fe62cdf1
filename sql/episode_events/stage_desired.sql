-- desired_episodes: one row per play that is not music and that the user-month should have, of all sources.
INSERT INTO desired_episodes (user_id, played_at, export_track_id, ms_played, kind, context_id)
WITH extended AS ( -- noqa: ST03
    SELECT user_id, content_id AS track_id, played_at, ms_played, stopped_at, elapsed_s, context_id, export_track_id
    FROM extended_episodes
    WHERE NOT is_replaced
), plays AS (
    {episode_events/streams}
    UNION ALL
    SELECT %(user_id)s, played_at, export_track_id, ms_played, kind, NULL
    FROM account_episodes
    WHERE NOT is_matched
)
SELECT user_id, played_at, export_track_id, ms_played, kind, context_id
FROM plays
WHERE played_at >= %(starts_at)s AND played_at < %(ends_at)s AND NOT ({episode_events/is_hidden})
