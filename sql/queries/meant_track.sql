-- One row: the track that a number means, the one that it was merged into, with its song.
SELECT coalesce(t.merged_into, t.id) AS id, t.song_id FROM tracks AS t WHERE t.id = %(id)s
