-- One row per artist credited on a track that was merged: as long as it has statistics, it credits whom the kept one credits.
INSERT INTO current_credits (track_id, artist_id, position)
SELECT t.id, credit.artist_id, credit.position
FROM tracks AS t
JOIN current_credits AS credit ON credit.track_id = t.merged_into
