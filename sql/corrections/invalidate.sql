-- One row per user-month of which a correction, that is new or is about to go, hides plays that no other correction
-- hides. Where statistics are yet to follow the events, they do not say which tracks the month has.
WITH changed AS MATERIALIZED (
    SELECT track_id FROM hidden_tracks WHERE user_id = %(user_id)s AND correction_id = %(correction_id)s
    EXCEPT
    SELECT track_id FROM hidden_tracks WHERE user_id = %(user_id)s AND correction_id <> %(correction_id)s
), spans AS MATERIALIZED (
    SELECT starts_at, ends_at
    FROM hidden_periods
    WHERE user_id = %(user_id)s AND correction_id = %(correction_id)s
    UNION ALL
    SELECT played_at - %(match_window)s, played_at + %(match_window)s
    FROM hidden_plays
    WHERE user_id = %(user_id)s AND correction_id = %(correction_id)s
), shows AS MATERIALIZED (
    SELECT export_track_id FROM hidden_shows WHERE user_id = %(user_id)s AND correction_id = %(correction_id)s
    EXCEPT
    SELECT export_track_id FROM hidden_shows WHERE user_id = %(user_id)s AND correction_id <> %(correction_id)s
), months AS (
    SELECT DISTINCT month, track_id IN (SELECT track_id FROM changed) AS is_reached
    FROM (SELECT month, track_id FROM user_track_months WHERE user_id = %(user_id)s
          UNION ALL
          SELECT month, track_id FROM hidden_track_months WHERE user_id = %(user_id)s) AS counted
    UNION
    SELECT date_trunc('month', p.played_at)::date, false -- plays that are not music, hidden or not
    FROM spans
    JOIN imported_plays AS p ON p.user_id = %(user_id)s
                            AND p.played_at >= spans.starts_at AND p.played_at < spans.ends_at
    WHERE p.export_track_id IN (SELECT id FROM export_tracks WHERE kind <> 'TRACK')
    UNION
    SELECT DISTINCT date_trunc('month', p.played_at)::date, true
    FROM imported_plays AS p
    WHERE p.user_id = %(user_id)s AND p.export_track_id IN (SELECT export_track_id FROM shows)
    UNION
    SELECT archived.month, EXISTS (SELECT FROM shows)
    FROM archived_user_months AS archived
    WHERE archived.user_id = %(user_id)s AND archived.imported_plays > 0
    UNION
    SELECT month, EXISTS (SELECT FROM changed)
    FROM invalidated_user_months
    WHERE user_id = %(user_id)s AND stage = 'STATS'
)
INSERT INTO invalidated_user_months (user_id, month, stage)
SELECT DISTINCT %(user_id)s::bigint, month, 'EVENTS'::derivation_stage
FROM months
WHERE is_reached
   OR EXISTS (SELECT FROM spans
              WHERE spans.starts_at < (months.month + interval '1 month') AT TIME ZONE 'UTC'
                AND spans.ends_at > months.month::timestamp AT TIME ZONE 'UTC')
ORDER BY month
ON CONFLICT (user_id, month, stage) DO UPDATE SET marked_at = invalidated_user_months.marked_at
