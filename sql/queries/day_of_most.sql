-- At most one row: the local day on which some tracks were played most.
SELECT day, count(*) AS play_count, sum(ms_played)::bigint AS total_ms
FROM (SELECT (played_at AT TIME ZONE %(zone)s)::date AS day, ms_played
      FROM listening_events
      WHERE user_id = %(user_id)s AND track_id = ANY (({queries/the_tracks})::bigint[]) AND {within}) AS plays
GROUP BY day
ORDER BY count(*) DESC, sum(ms_played) DESC, day
LIMIT 1
