-- One row: how many plays of the user-months are new, and how many have changed.
WITH written AS (
    INSERT INTO episode_events AS event (user_id, played_at, export_track_id, ms_played, kind, context_id)
    SELECT user_id, played_at, export_track_id, ms_played, kind, context_id
    FROM desired_episodes AS d
    WHERE NOT EXISTS (SELECT FROM episode_events AS known
                      WHERE known.user_id = d.user_id AND known.played_at = d.played_at
                        AND known.export_track_id = d.export_track_id AND known.ms_played = d.ms_played
                        AND known.kind = d.kind AND known.context_id IS NOT DISTINCT FROM d.context_id)
    ORDER BY user_id, played_at, export_track_id
    ON CONFLICT (user_id, played_at, export_track_id, ms_played)
    DO UPDATE SET kind = excluded.kind, context_id = excluded.context_id
    RETURNING xmax = 0 AS is_new
)
SELECT count(*) FILTER (WHERE is_new) AS added, count(*) FILTER (WHERE NOT is_new) AS changed FROM written
