-- One row: which sources have plays in or around the user-month, whether the catalog has yet to take in a track of
-- them, whether any of the user's months are archived, whether the user-month has plays that are not music, whether
-- corrections hide plays of the user, whether exports tell lengths of plays that were played or uploaded there, and
-- whether there are events.
SELECT EXISTS (SELECT FROM imported_plays
               WHERE user_id = %(user_id)s AND context_id IS NULL
                 AND played_at >= %(near_start)s AND played_at < %(near_end)s) AS has_account_data,
       EXISTS (SELECT FROM polled_plays
               WHERE user_id = %(user_id)s
                 AND played_at >= %(near_start)s AND played_at < %(near_end)s)
       OR EXISTS (SELECT FROM imported_plays
                  WHERE user_id = %(user_id)s AND context_id IS NULL
                    AND (ms_played IS NULL OR elapsed_s IS NOT NULL)
                    AND played_at >= %(near_start)s AND played_at < %(near_end)s) AS has_shown_plays,
       (EXISTS (SELECT FROM pending_export_tracks)
        AND EXISTS (SELECT FROM imported_plays AS p
                    JOIN export_tracks AS e ON e.id = p.export_track_id
                    WHERE p.user_id = %(user_id)s AND e.kind = 'TRACK'
                      AND p.played_at >= %(near_start)s AND p.played_at < %(near_end)s
                      AND NOT EXISTS (SELECT FROM export_track_links AS link
                                      WHERE link.export_track_id = p.export_track_id)))
       OR EXISTS (SELECT FROM polled_plays AS p
                  WHERE p.user_id = %(user_id)s
                    AND p.played_at >= %(near_start)s AND p.played_at < %(near_end)s
                    AND NOT EXISTS (SELECT FROM tracks AS t WHERE t.spotify_id = p.spotify_id)
                    AND NOT EXISTS (SELECT FROM track_aliases AS a WHERE a.spotify_id = p.spotify_id)) AS is_unlinked,
       EXISTS (SELECT FROM archived_user_months WHERE user_id = %(user_id)s) AS has_archived_months,
       ((SELECT min(id) FROM export_tracks WHERE kind <> 'TRACK') IS NOT NULL -- by its index, whatever is expected
        AND EXISTS (SELECT FROM imported_plays AS p
                    WHERE p.user_id = %(user_id)s AND p.played_at >= %(starts_at)s AND p.played_at < %(ends_at)s
                      AND EXISTS (SELECT FROM export_tracks AS e
                                  WHERE e.id = p.export_track_id AND e.kind IS DISTINCT FROM 'TRACK')))
       OR EXISTS (SELECT FROM episode_events
                  WHERE user_id = %(user_id)s
                    AND played_at >= %(starts_at)s AND played_at < %(ends_at)s) AS has_episodes,
       has_hidden_plays(%(user_id)s) AS has_hidden_plays,
       EXISTS (SELECT FROM imported_plays
               WHERE user_id = %(user_id)s
                 AND played_at >= %(uploaded_from)s AND played_at < %(near_end)s
                 AND (context_id IS NOT NULL OR (elapsed_s IS NULL AND ms_played IS NOT NULL))) AS has_exact_plays,
       EXISTS (SELECT FROM listening_events
               WHERE user_id = %(user_id)s AND played_at >= %(near_start)s AND played_at < %(near_end)s) AS has_events
