-- One row per local weekday and hour with plays in some local days that filters leave: from events.
SELECT (extract(isodow FROM local_at) - 1)::integer AS weekday, extract(hour FROM local_at)::integer AS hour,
       count(*) AS play_count, sum(ms_played)::bigint AS total_ms
FROM (SELECT e.played_at AT TIME ZONE %(zone)s AS local_at, e.ms_played
      FROM listening_events AS e
      LEFT JOIN play_contexts AS heard ON heard.id = e.context_id
      WHERE e.user_id = %(user_id)s AND e.played_at >= %(played_from)s AND e.played_at < %(played_to)s
        AND (e.played_at AT TIME ZONE %(zone)s)::date BETWEEN %(first_day)s AND %(last_day)s
        AND (%(skipped)s::boolean IS NULL OR e.is_skip = %(skipped)s)
        AND (%(platform)s::text IS NULL OR coalesce(heard.platform_family, 'unknown') = %(platform)s)
        AND (%(tracks)s::bigint[] IS NULL OR e.track_id = ANY (({queries/the_tracks})::bigint[]))) AS events
GROUP BY weekday, hour
ORDER BY weekday, hour
