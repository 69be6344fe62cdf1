-- One row per provisional track whose names were not searched for since a given time, the most played first.
SELECT t.id, t.name, artists.name, t.name_key, t.artist_key
FROM tracks AS t
JOIN artists ON artists.is_canonical_for_name AND artists.name_key = t.artist_key
LEFT JOIN track_searches AS search ON search.track_key = t.name_key AND search.artist_key = t.artist_key
LEFT JOIN metadata_refresh_log AS log ON log.entity_type = 'track' AND log.entity_id = t.id
LEFT JOIN LATERAL (SELECT sum(s.play_count) AS plays
                   FROM user_track_stats AS s
                   WHERE s.track_id = t.id) AS played ON true
WHERE t.spotify_id IS NULL AND t.merged_into IS NULL
  AND (search.searched_at IS NULL OR search.searched_at < %(since)s)
  AND (log.next_refresh_at IS NULL OR log.next_refresh_at <= %(now)s)
ORDER BY played.plays DESC NULLS LAST, t.name_key, t.artist_key
LIMIT %(limit)s
