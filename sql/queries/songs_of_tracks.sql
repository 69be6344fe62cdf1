-- One row per track: the song that it is a recording of.
SELECT id, song_id FROM tracks WHERE id = ANY (%(ids)s)
