-- One row per kind and show, or audiobook, that a user played in some local days; what names none is a row of its kind.
SELECT heard.kind::text,
       (array_agg(named.show ORDER BY heard.last_played_at DESC, named.show COLLATE "C" DESC))[1] AS show,
       name_key(named.show) AS show_key,
       count(DISTINCT coalesce(name_key(named.name)::text, named.spotify_id, '')) AS episode_count,
       sum(heard.play_count)::bigint AS play_count, sum(heard.total_ms)::bigint AS total_ms,
       min(heard.first_played_at) AS first_played_at, max(heard.last_played_at) AS last_played_at
FROM (SELECT e.kind, e.export_track_id, count(*) AS play_count, sum(e.ms_played) AS total_ms,
             min(e.played_at) AS first_played_at, max(e.played_at) AS last_played_at
      FROM episode_events AS e
      WHERE e.user_id = %(user_id)s AND e.played_at >= %(played_from)s AND e.played_at < %(played_to)s
        AND (e.played_at AT TIME ZONE %(zone)s)::date BETWEEN %(first_day)s AND %(last_day)s
      GROUP BY e.kind, e.export_track_id) AS heard
JOIN named_episodes AS named ON named.export_track_id = heard.export_track_id
GROUP BY heard.kind, name_key(named.show)
ORDER BY CASE WHEN %(by_time)s THEN sum(heard.total_ms) ELSE sum(heard.play_count) END DESC,
         CASE WHEN %(by_time)s THEN sum(heard.play_count) ELSE sum(heard.total_ms) END DESC,
         name_key(named.show), heard.kind
LIMIT %(each)s OFFSET %(skipped_rows)s
