-- One row per local day among some and track of it: how often it was played, and how much all of the day. Of each day
-- those played most, first.
SELECT day, track_id, play_count, day_plays, day_ms
FROM (SELECT day, track_id, count(*) AS play_count, (sum(count(*)) OVER of_day)::bigint AS day_plays,
             (sum(sum(ms_played)) OVER of_day)::bigint AS day_ms,
             row_number() OVER (PARTITION BY day ORDER BY count(*) DESC, sum(ms_played) DESC, track_id) AS place
      FROM (SELECT (played_at AT TIME ZONE %(zone)s)::date AS day, track_id, ms_played
            FROM listening_events
            WHERE user_id = %(user_id)s AND {within}) AS plays
      WHERE day = ANY (%(days)s)
      GROUP BY day, track_id
      WINDOW of_day AS (PARTITION BY day)) AS counted
WHERE place <= %(each)s
ORDER BY day, place
