-- touched_artist_keys: one row per artist, by Spotify id or name, of whom MusicBrainz says something new. What lands
-- meanwhile stays pending for the next synchronization.
WITH taken AS (DELETE FROM pending_musicbrainz_searches RETURNING key)
INSERT INTO touched_artist_keys (key)
SELECT DISTINCT key FROM taken
