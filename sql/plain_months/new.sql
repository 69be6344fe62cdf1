-- One row per month, of those asked for, that is plain and of which the user has no events yet: it is invalidated, in
-- and around it there are only rows of the extended history, the catalog has all of their tracks, and no play of the
-- user is hidden or archived. With the version of the invalidation, which changes when it is written again, and whether
-- the month has plays that are not music.
SELECT asked.month, invalidated.xmin::text AS version,
       EXISTS (SELECT FROM imported_plays AS p
               JOIN export_tracks AS e ON e.id = p.export_track_id AND e.kind IS DISTINCT FROM 'TRACK'
               WHERE p.user_id = %(user_id)s AND p.played_at >= asked.month::timestamptz
                 AND p.played_at < (asked.month + interval '1 month')::timestamptz
                 AND p.played_at >= %(starts_at)s AND p.played_at < %(ends_at)s) AS has_episodes
FROM unnest(%(months)s::date[]) AS asked (month)
JOIN invalidated_user_months AS invalidated
  ON invalidated.user_id = %(user_id)s AND invalidated.month = asked.month AND invalidated.stage = 'EVENTS'
WHERE NOT EXISTS (SELECT FROM imported_plays AS p
                  WHERE p.user_id = %(user_id)s AND p.context_id IS NULL
                    AND p.played_at >= asked.month::timestamptz - %(match_window)s
                    AND p.played_at < (asked.month + interval '1 month')::timestamptz + %(match_window)s
                    AND p.played_at >= %(near_start)s AND p.played_at < %(near_end)s)
  AND NOT EXISTS (SELECT FROM polled_plays AS p
                  WHERE p.user_id = %(user_id)s
                    AND p.played_at >= asked.month::timestamptz - %(match_window)s
                    AND p.played_at < (asked.month + interval '1 month')::timestamptz + %(match_window)s
                    AND p.played_at >= %(near_start)s AND p.played_at < %(near_end)s)
  AND NOT EXISTS (SELECT FROM listening_events AS known
                  WHERE known.user_id = %(user_id)s AND known.played_at >= asked.month::timestamptz
                    AND known.played_at < (asked.month + interval '1 month')::timestamptz
                    AND known.played_at >= %(starts_at)s AND known.played_at < %(ends_at)s)
  AND NOT EXISTS (SELECT FROM episode_events AS known
                  WHERE known.user_id = %(user_id)s AND known.played_at >= asked.month::timestamptz
                    AND known.played_at < (asked.month + interval '1 month')::timestamptz)
  AND NOT (EXISTS (SELECT FROM pending_export_tracks)
           AND EXISTS (SELECT FROM imported_plays AS p
                       JOIN export_tracks AS e ON e.id = p.export_track_id
                       WHERE p.user_id = %(user_id)s AND e.kind = 'TRACK'
                         AND p.played_at >= %(near_start)s AND p.played_at < %(near_end)s
                         AND NOT EXISTS (SELECT FROM export_track_links AS link
                                         WHERE link.export_track_id = p.export_track_id)))
  AND NOT EXISTS (SELECT FROM archived_user_months WHERE user_id = %(user_id)s)
  AND NOT has_hidden_plays(%(user_id)s)
