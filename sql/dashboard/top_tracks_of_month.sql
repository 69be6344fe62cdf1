-- One row per rank: the tracks most played in a local month, and their artists.
-- The UTC month is counted already; plays between the beginnings of a local and a UTC month come on top or go off.
WITH counted AS (
    SELECT track_id, play_count, total_ms
    FROM user_track_months
    WHERE user_id = %(user_id)s AND month = %(month)s
    UNION ALL
    SELECT track_id, play_count, total_ms
    FROM user_month_edges
    WHERE user_id = %(user_id)s AND month = %(month)s
    UNION ALL
    SELECT track_id, -play_count, -total_ms
    FROM user_month_edges
    WHERE user_id = %(user_id)s AND month = %(next_month)s
)
SELECT coalesce(tracks.name, tracks.spotify_id) AS name,
       (SELECT string_agg(artists.name, ', ' ORDER BY track_artists.position, artists.name)
        FROM track_artists JOIN artists ON artists.id = track_artists.artist_id
        WHERE track_artists.track_id = tracks.id) AS artist,
       top.play_count, top.total_ms
FROM (SELECT track_id, sum(play_count) AS play_count, sum(total_ms)::bigint AS total_ms
      FROM counted
      GROUP BY track_id
      HAVING sum(play_count) > 0
      ORDER BY play_count DESC, total_ms DESC, track_id
      LIMIT %(each)s) AS top
JOIN tracks ON tracks.id = top.track_id
ORDER BY top.play_count DESC, top.total_ms DESC, top.track_id
