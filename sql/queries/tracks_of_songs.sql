-- One row per track of some songs.
SELECT t.id FROM tracks AS t WHERE t.song_id = ANY ({ids})
