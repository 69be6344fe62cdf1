-- One row per user and song of touched_songs with a sum, which is gone until it is summed again.
DELETE FROM user_song_sums AS summed
USING touched_songs AS touched
WHERE summed.user_id = touched.user_id AND summed.song_id = touched.song_id
RETURNING summed.user_id, summed.first_played_at, summed.last_played_at
