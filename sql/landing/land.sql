-- One row per month that gained plays, with their number. Compares month by month, so that each comparison stays small.
-- The user's lock keeps other sessions from landing the same plays meanwhile.
WITH landed AS (
    INSERT INTO imported_plays (user_id, played_at, stopped_at, export_track_id, ms_played, context_id)
    SELECT %(user_id)s, fresh.played_at, fresh.stopped_at, fresh.export_track_id, fresh.ms_played, fresh.context_id
    FROM unnest(%(months)s::date[]) AS arriving (month)
    CROSS JOIN LATERAL (
        SELECT a.played_at, a.stopped_at, a.export_track_id, a.ms_played, a.context_id
        FROM arriving_plays AS a
        WHERE a.month = arriving.month
          AND NOT EXISTS (SELECT FROM imported_plays AS known
                          WHERE known.user_id = %(user_id)s
                            AND known.played_at >= arriving.month::timestamptz
                            AND known.played_at < (arriving.month + interval '1 month')::timestamptz
                            AND known.played_at >= %(starts_at)s AND known.played_at < %(ends_at)s
                            AND known.played_at = a.played_at AND known.export_track_id = a.export_track_id
                            AND known.ms_played = a.ms_played
                            AND known.stopped_at IS NOT DISTINCT FROM a.stopped_at)
    ) AS fresh
    RETURNING played_at
)
SELECT date_trunc('month', played_at)::date AS month, count(*)
FROM landed
GROUP BY month
