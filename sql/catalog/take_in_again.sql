-- One row per payload and track with an id, per set of names and per search of MusicBrainz: the next synchronization
-- takes it in again.
INSERT INTO pending_spotify_objects (object_type, spotify_id)
SELECT object_type, spotify_id FROM spotify_objects WHERE payload IS NOT NULL
UNION
SELECT 'track', spotify_id FROM tracks WHERE spotify_id IS NOT NULL;

INSERT INTO pending_export_tracks (first_id, last_id)
SELECT min(id), max(id) FROM export_tracks HAVING count(*) > 0
ON CONFLICT DO NOTHING;

INSERT INTO pending_musicbrainz_searches (key)
SELECT key FROM musicbrainz_searches
