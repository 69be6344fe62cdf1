-- One row per rank: the tracks most played in some local months, and their artists.
-- UTC months are counted already; plays between the ends of the local months and theirs come on top or go off.
WITH counted AS (
    SELECT track_id, play_count, total_ms
    FROM user_track_months
    WHERE user_id = %(user_id)s AND month >= %(first)s AND month < %(end)s
    UNION ALL
    SELECT track_id, %(begins_early)s::int, %(begins_early)s::int * ms_played
    FROM listening_events
    WHERE user_id = %(user_id)s AND played_at >= %(begin_from)s AND played_at < %(begin_to)s
    UNION ALL
    SELECT track_id, %(ends_late)s::int, %(ends_late)s::int * ms_played
    FROM listening_events
    WHERE user_id = %(user_id)s AND played_at >= %(end_from)s AND played_at < %(end_to)s
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
