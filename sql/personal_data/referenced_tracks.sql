-- One row per track that the user's rows refer to, those in the archive too.
INSERT INTO personal_tracks (track_id)
SELECT t.id
FROM tracks AS t
WHERE t.id IN (SELECT track_id FROM user_track_months WHERE user_id = %(user_id)s
               UNION ALL SELECT track_id FROM user_track_stats WHERE user_id = %(user_id)s
               UNION ALL SELECT track_id FROM listening_events WHERE user_id = %(user_id)s
               UNION ALL SELECT track_id FROM returning_listening_events
               UNION ALL SELECT track_id FROM spotify_top_tracks WHERE user_id = %(user_id)s)
   OR t.spotify_id IN (SELECT spotify_id FROM spotify_top_track_history WHERE user_id = %(user_id)s
                       UNION ALL SELECT spotify_id FROM polled_plays WHERE user_id = %(user_id)s
                       UNION ALL SELECT spotify_id FROM returning_polled_plays)
   OR t.id IN (SELECT alias.track_id
               FROM track_aliases AS alias
               WHERE alias.spotify_id IN (SELECT spotify_id FROM spotify_top_track_history WHERE user_id = %(user_id)s
                                          UNION ALL SELECT spotify_id FROM polled_plays WHERE user_id = %(user_id)s
                                          UNION ALL SELECT spotify_id FROM returning_polled_plays))
