-- One row per artist at MusicBrainz: what it says of it. Queues those whom it is for the catalog.
WITH landed AS (
    INSERT INTO musicbrainz_objects (object_type, mbid, payload, fetched_at)
    VALUES ('artist', %(mbid)s, %(payload)s, %(now)s)
    ON CONFLICT (object_type, mbid) DO UPDATE SET payload = excluded.payload, fetched_at = excluded.fetched_at
    RETURNING mbid
)
INSERT INTO pending_musicbrainz_searches (key)
SELECT searched.key
FROM landed
JOIN musicbrainz_searches AS searched ON searched.object_type = 'artist' AND searched.mbid = landed.mbid
