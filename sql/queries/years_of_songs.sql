-- One row per local year and song that was played in it.
SELECT t.song_id AS id, plays.year, sum(plays.play_count)::bigint AS play_count,
       sum(plays.total_ms)::bigint AS total_ms
FROM plays
JOIN (SELECT id, song_id
      FROM tracks
      WHERE id = ANY (ARRAY(SELECT track_id FROM user_track_stats WHERE user_id = %(user_id)s))) AS t
    ON t.id = plays.track_id
GROUP BY t.song_id, plays.year
