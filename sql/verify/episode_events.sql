-- One row per play of a user-month that is not music and differs from what has landed: the difference, when, and what
-- was played.
SELECT differing.difference, differing.played_at, differing.export_track_id, named.name
FROM (SELECT CASE WHEN e.id IS NULL THEN 'missing' WHEN d.user_id IS NULL THEN 'surplus' ELSE 'different' END
                 AS difference,
             played_at, export_track_id, ms_played
      FROM desired_episodes AS d
      FULL JOIN (SELECT id, played_at, export_track_id, ms_played, kind, context_id
                 FROM episode_events
                 WHERE user_id = %(user_id)s AND played_at >= %(starts_at)s AND played_at < %(ends_at)s
                ) AS e USING (played_at, export_track_id, ms_played)
      WHERE e.id IS NULL OR d.user_id IS NULL OR (d.kind, d.context_id) IS DISTINCT FROM (e.kind, e.context_id)
     ) AS differing
LEFT JOIN named_episodes AS named USING (export_track_id)
ORDER BY differing.played_at, differing.export_track_id, differing.ms_played
