-- One row per dimension and value: how the plays of some local days that filters leave were heard, the most common
-- first. From events. The shares of the track are those of view user_context_months.
WITH heard AS MATERIALIZED (
    SELECT e.context_id, e.is_skip,
           CASE WHEN t.duration_ms IS NULL THEN 'unknown'
                WHEN e.ms_played::bigint * 100 < t.duration_ms::bigint * 25 THEN 'under 25%%'
                WHEN e.ms_played::bigint * 100 < t.duration_ms::bigint * 50 THEN '25%% to 50%%'
                WHEN e.ms_played::bigint * 100 < t.duration_ms::bigint * 75 THEN '50%% to 75%%'
                WHEN e.ms_played::bigint * 100 < t.duration_ms::bigint * 95 THEN '75%% to 95%%'
                ELSE '95%% or more' END AS share,
           count(*) AS play_count, sum(e.ms_played) AS total_ms
    FROM listening_events AS e
    JOIN tracks AS t ON t.id = e.track_id
    LEFT JOIN play_contexts AS p ON p.id = e.context_id
    WHERE e.user_id = %(user_id)s AND e.played_at >= %(played_from)s AND e.played_at < %(played_to)s
      AND (e.played_at AT TIME ZONE %(zone)s)::date BETWEEN %(first_day)s AND %(last_day)s
      AND (%(skipped)s::boolean IS NULL OR e.is_skip = %(skipped)s)
      AND (%(platform)s::text IS NULL OR coalesce(p.platform_family, 'unknown') = %(platform)s)
      AND (%(tracks)s::bigint[] IS NULL OR e.track_id = ANY (({queries/the_tracks})::bigint[]))
    GROUP BY e.context_id, e.is_skip, share
)
SELECT dimension, value, sum(play_count)::bigint AS play_count, sum(total_ms)::bigint AS total_ms
FROM (SELECT way.dimension::text AS dimension, way.value, heard.play_count, heard.total_ms
      FROM heard
      LEFT JOIN play_contexts AS p ON p.id = heard.context_id
      CROSS JOIN LATERAL context_values(p) AS way
      UNION ALL
      SELECT 'SKIP', is_skip::text, play_count, total_ms FROM heard
      UNION ALL
      SELECT 'SHARE_HEARD', share, play_count, total_ms FROM heard) AS ways
GROUP BY dimension, value
ORDER BY dimension, sum(play_count) DESC, value
