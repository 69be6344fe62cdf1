-- One row per local year and artist that was played in it.
SELECT credit.artist_id AS id, plays.year, sum(plays.play_count)::bigint AS play_count,
       sum(plays.total_ms)::bigint AS total_ms
FROM plays
JOIN (SELECT track_id, artist_id
      FROM track_artists
      WHERE track_id = ANY (ARRAY(SELECT track_id FROM user_track_stats WHERE user_id = %(user_id)s))) AS credit
    ON credit.track_id = plays.track_id
GROUP BY credit.artist_id, plays.year
