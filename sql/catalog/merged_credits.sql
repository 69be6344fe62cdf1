-- One row per artist credited on a merged track: while it has statistics, it has the credits of the kept track.
INSERT INTO current_credits (track_id, artist_id, position)
SELECT t.id, credit.artist_id, credit.position
FROM tracks AS t
JOIN current_credits AS credit ON credit.track_id = t.merged_into
