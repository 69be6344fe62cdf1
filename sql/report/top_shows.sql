-- One row per rank: the podcasts and audiobooks heard longest between two instants, in the spelling played last.
SELECT name, kind::text AS kind, play_count, total_ms
FROM (SELECT (array_agg(named.show ORDER BY e.played_at DESC, named.show COLLATE "C" DESC))[1] AS name, e.kind,
             count(*) AS play_count, sum(e.ms_played)::bigint AS total_ms
      FROM episode_events AS e
      JOIN named_episodes AS named USING (export_track_id)
      WHERE e.user_id = %(user_id)s AND e.played_at >= %(since)s AND e.played_at < %(until)s
        AND e.kind IN ('EPISODE', 'CHAPTER') AND named.show IS NOT NULL
      GROUP BY e.kind, name_key(named.show)) AS shows
ORDER BY total_ms DESC, play_count DESC, name COLLATE "C", kind
LIMIT %(each)s
