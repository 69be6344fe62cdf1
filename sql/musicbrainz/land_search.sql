-- One row: the artist that was looked for, and who it is at MusicBrainz. Queues it for the catalog.
WITH landed AS (
    INSERT INTO musicbrainz_searches (object_type, key, mbid, searched_at)
    VALUES ('artist', %(key)s, %(mbid)s, %(now)s)
    ON CONFLICT (object_type, key) DO UPDATE SET mbid = excluded.mbid, searched_at = excluded.searched_at
    RETURNING key
)
INSERT INTO pending_musicbrainz_searches (key) SELECT key FROM landed
