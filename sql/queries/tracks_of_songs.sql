-- One row: the tracks of some songs.
SELECT ARRAY(SELECT t.id FROM tracks AS t WHERE t.song_id = ANY ({ids}))
