-- One row per track of `asked` whose length MusicBrainz tells: that of its artist's recordings of that folded title, if
-- one artist has the name. Where several recordings have the title, their lengths have to agree within five seconds
-- (musicbrainz.LENGTHS_DIFFER); the middle one counts.
WITH known AS MATERIALIZED (
    SELECT a.name_key AS artist_key, found.mbid
    FROM (SELECT DISTINCT artist_key FROM asked) AS named
    JOIN artists AS a ON a.name_key = named.artist_key AND a.is_canonical_for_name
    CROSS JOIN LATERAL (SELECT s.mbid
                        FROM musicbrainz_searches AS s
                        WHERE s.object_type = 'artist' AND s.key IN (a.spotify_id, a.name_key::text)
                        ORDER BY s.key = a.spotify_id DESC NULLS LAST
                        LIMIT 1) AS found
    WHERE found.mbid IS NOT NULL
      AND NOT EXISTS (SELECT FROM artists AS other
                      WHERE other.name_key = a.name_key AND NOT other.is_canonical_for_name
                        AND other.spotify_id IS NOT NULL)
), named AS MATERIALIZED ( -- folding a title takes long, so of unknown artists none is
    SELECT asked.track_id, known.mbid, md5(song_title(asked.name))::uuid AS title_key
    FROM asked
    JOIN known USING (artist_key)
), lengths AS (
    SELECT mb.mbid, recording.title_key,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY recording.length_ms) AS length_ms
    FROM musicbrainz_objects AS mb
    CROSS JOIN LATERAL (SELECT unnest(mb.length_keys) AS title_key, -- both go on together
                               unnest(mb.lengths_ms) AS length_ms) AS recording
    WHERE mb.object_type = 'artist' AND (mb.mbid, recording.title_key) IN (SELECT mbid, title_key FROM named)
    GROUP BY mb.mbid, recording.title_key
    HAVING max(recording.length_ms) - min(recording.length_ms) <= 5000
)
SELECT named.track_id, lengths.length_ms
FROM named
JOIN lengths USING (mbid, title_key)
