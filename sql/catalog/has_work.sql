-- One row: whether names, payloads or genres landed, or tracks were polled, that the catalog has yet to take in, or
-- songs are to be derived again.
SELECT EXISTS (SELECT FROM pending_export_tracks)
    OR EXISTS (SELECT FROM pending_spotify_objects)
    OR EXISTS (SELECT FROM pending_musicbrainz_searches)
    OR EXISTS (SELECT FROM pending_song_tracks)
    OR EXISTS ({catalog/unknown_polled_ids})
