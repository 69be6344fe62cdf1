-- One row per rank: the most played artists of a genre, from events alone.
SELECT artists.name, NULL::text AS artist, top.play_count, top.total_ms
FROM (SELECT credit.artist_id, sum(heard.play_count)::bigint AS play_count, sum(heard.total_ms)::bigint AS total_ms
      FROM (SELECT track_id, count(*) AS play_count, sum(ms_played) AS total_ms
            FROM listening_events
            WHERE user_id = %(user_id)s
            GROUP BY track_id) AS heard
      JOIN track_artists AS credit USING (track_id)
      GROUP BY credit.artist_id) AS top
JOIN artists ON artists.id = top.artist_id
WHERE artists.genres @> ARRAY[%(genre)s::text]
ORDER BY top.play_count DESC, top.total_ms DESC, top.artist_id
LIMIT 50
