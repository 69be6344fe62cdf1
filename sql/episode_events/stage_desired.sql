-- desired_episodes: one row per play that is not music and that the user-months should have. Plays that the user has
-- hidden, by time or show or because they were private, are left out at the end, so that no other telling of them is
-- taken for a play of its own.
INSERT INTO desired_episodes (user_id, played_at, export_track_id, ms_played, kind, context_id)
WITH told AS (
    SELECT user_id, content_id AS track_id, played_at, ms_played, stopped_at, elapsed_s, context_id, export_track_id,
           kind
    FROM told_episodes
    WHERE NOT is_replaced
), kept AS MATERIALIZED ( -- once, and not for each row of told
    {events/streams}
), plays AS (
    SELECT t.user_id, t.played_at, t.export_track_id, t.ms_played, t.kind, t.context_id
    FROM kept
    JOIN told AS t ON t.user_id = kept.user_id AND t.track_id = kept.track_id AND t.played_at = kept.played_at
                  AND t.ms_played = kept.ms_played AND t.stopped_at = kept.stopped_at
    UNION ALL
    SELECT %(user_id)s, played_at, export_track_id, ms_played, kind, NULL
    FROM account_episodes
    WHERE NOT is_told
)
SELECT user_id, played_at, export_track_id, ms_played, kind, context_id
FROM plays
WHERE played_at >= %(starts_at)s AND played_at < %(ends_at)s
  AND NOT EXISTS (SELECT FROM hidden_periods AS hidden
                  WHERE hidden.user_id = plays.user_id
                    AND plays.played_at >= hidden.starts_at AND plays.played_at < hidden.ends_at)
  AND NOT EXISTS (SELECT FROM hidden_shows AS hidden
                  WHERE hidden.user_id = plays.user_id AND hidden.export_track_id = plays.export_track_id)
  AND NOT EXISTS (SELECT FROM user_settings AS settings
                  JOIN play_contexts AS heard ON heard.id = plays.context_id
                  WHERE settings.user_id = plays.user_id AND settings.hide_incognito AND heard.incognito)
