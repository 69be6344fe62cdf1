-- One row per day, week, month or year with plays that filters leave: from events.
SELECT CASE %(step)s
           WHEN 'day' THEN day
           WHEN 'week' THEN day - (extract(isodow FROM day)::integer + 6 - %(week_starts_on)s) %% 7
           ELSE date_trunc(%(step)s, day)::date
       END AS first_day,
       sum(play_count)::bigint AS play_count, sum(total_ms)::bigint AS total_ms
FROM (SELECT (e.played_at AT TIME ZONE %(zone)s)::date AS day, count(*) AS play_count, sum(e.ms_played) AS total_ms
      FROM listening_events AS e
      LEFT JOIN play_contexts AS heard ON heard.id = e.context_id
      WHERE e.user_id = %(user_id)s AND e.played_at >= %(played_from)s AND e.played_at < %(played_to)s
        AND (e.played_at AT TIME ZONE %(zone)s)::date BETWEEN %(first_day)s AND %(last_day)s
        AND (%(skipped)s::boolean IS NULL OR e.is_skip = %(skipped)s)
        AND (%(platform)s::text IS NULL OR coalesce(heard.platform_family, 'unknown') = %(platform)s)
        AND (%(tracks)s::bigint[] IS NULL OR e.track_id = ANY (({queries/the_tracks})::bigint[]))
      GROUP BY day) AS days
GROUP BY first_day
ORDER BY first_day
