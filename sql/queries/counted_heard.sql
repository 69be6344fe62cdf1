-- One row per track that a user played in some local days on a platform, or skipped or not: from events.
SELECT e.track_id, count(*) AS play_count, sum(e.ms_played)::bigint AS total_ms
FROM listening_events AS e
LEFT JOIN play_contexts AS heard ON heard.id = e.context_id
WHERE e.user_id = %(user_id)s AND e.played_at >= %(played_from)s AND e.played_at < %(played_to)s
  AND (e.played_at AT TIME ZONE %(zone)s)::date BETWEEN %(first_day)s AND %(last_day)s
  AND (%(skipped)s::boolean IS NULL OR e.is_skip = %(skipped)s)
  AND (%(platform)s::text IS NULL OR coalesce(heard.platform_family, 'unknown') = %(platform)s)
  AND (%(tracks)s::bigint[] IS NULL OR e.track_id = ANY (({queries/the_tracks})::bigint[]))
GROUP BY e.track_id
