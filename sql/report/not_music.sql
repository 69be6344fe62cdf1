-- One row per local year and kind with plays that are not music.
SELECT date_part('year', bucket_date)::int AS "year", kind::text AS kind, sum(play_count)::bigint AS play_count,
       sum(total_ms)::bigint AS total_ms
FROM user_episode_bucket_stats
WHERE user_id = %(user_id)s AND bucket_type = 'MONTH'
GROUP BY "year", user_episode_bucket_stats.kind
ORDER BY "year", kind
