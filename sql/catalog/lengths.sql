-- One row per touched track of which Spotify tells no length and MusicBrainz does.
WITH asked AS ( -- noqa: ST03
    SELECT track_id, track_name AS name, artist_key
    FROM current_names
    WHERE duration_ms IS NULL AND track_name IS NOT NULL AND track_key IS NOT NULL AND artist_key IS NOT NULL
)
UPDATE current_names AS c
SET duration_ms = recorded.length_ms
FROM ({catalog/recorded_lengths}) AS recorded
WHERE c.track_id = recorded.track_id
