-- One row: the tracks that a user ever played, by statistics or newer events, that credit an artist, are on an album
-- and are of a genre.
SELECT coalesce(array_agg(DISTINCT s.track_id), '{}')
FROM (SELECT track_id FROM user_track_stats WHERE user_id = %(user_id)s
      UNION ALL
      SELECT track_id FROM listening_events
      WHERE user_id = %(user_id)s AND played_at >= %(newer_from)s AND played_at < %(newer_to)s) AS s
JOIN tracks AS t ON t.id = s.track_id
WHERE (%(album_id)s::bigint IS NULL OR t.album_id = %(album_id)s)
  AND (%(artist_id)s::bigint IS NULL
       OR s.track_id IN (SELECT track_id FROM track_artists WHERE artist_id = %(artist_id)s))
  AND (%(genre)s::text IS NULL
       OR s.track_id IN (SELECT credit.track_id
                         FROM artists
                         JOIN track_artists AS credit ON credit.artist_id = artists.id
                         WHERE artists.genres @> ARRAY[%(genre)s]))
