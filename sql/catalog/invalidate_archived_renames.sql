-- One row per user-month that plays of a renamed track reach, where archived plays may match differently: account data
-- is archived in the month or a neighbour, or polled plays are, and account data lies within a month of them.
WITH changes AS (
    SELECT DISTINCT c.user_id, c.month::timestamptz AS starts_at,
           (c.month + interval '1 month')::timestamptz AS ends_at, 'EVENTS'::derivation_stage AS stage
    FROM renamed_tracks
    JOIN user_track_stats AS s USING (track_id)
    CROSS JOIN LATERAL (
        SELECT DISTINCT reached.month
        FROM (SELECT a.month::timestamptz AS starts_at, (a.month + interval '1 month')::timestamptz AS ends_at
              FROM archived_user_months AS a
              WHERE a.user_id = s.user_id
                AND (a.has_account_data
                     OR (a.polled_plays > 0
                         AND (EXISTS (SELECT FROM archived_user_months AS near
                                      WHERE near.user_id = a.user_id AND near.has_account_data
                                        AND near.month BETWEEN a.month - interval '1 month'
                                                           AND a.month + interval '1 month')
                              OR EXISTS (SELECT FROM imported_plays AS near
                                         WHERE near.user_id = a.user_id AND near.context_id IS NULL
                                           AND near.played_at >= (a.month - interval '1 month') AT TIME ZONE 'UTC'
                                           AND near.played_at < (a.month + interval '2 months') AT TIME ZONE 'UTC'))))
             ) AS change
        CROSS JOIN LATERAL ({user_months/reached}) AS reached
    ) AS archived
    JOIN user_track_months AS c ON c.user_id = s.user_id AND c.month = archived.month AND c.track_id = s.track_id
)
{user_months/invalidate_reached}
