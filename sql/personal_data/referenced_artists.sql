-- One row per artist of those tracks, or that the user's rows refer to.
INSERT INTO personal_artists (artist_id)
SELECT artist_id FROM track_artists JOIN personal_tracks USING (track_id)
UNION SELECT artist_id FROM user_artist_stats WHERE user_id = %(user_id)s
UNION SELECT artist_id FROM spotify_top_artists WHERE user_id = %(user_id)s
UNION SELECT artists.id
      FROM spotify_top_artist_history AS listed JOIN artists USING (spotify_id)
      WHERE listed.user_id = %(user_id)s
