-- One row per content, instant, upload and length that the extended history tells and that is not music: of rows that
-- differ in names or context only, the one that tells most.
WITH others AS MATERIALIZED ( -- by <> the planner would begin with all such names of all users, which have an index
    SELECT e.id
    FROM (SELECT DISTINCT export_track_id
          FROM imported_plays
          WHERE user_id = ANY (%(user_ids)s) AND context_id IS NOT NULL
            AND played_at >= %(rows_from)s AND played_at < %(near_end)s) AS played
    JOIN export_tracks AS e ON e.id = played.export_track_id AND e.kind IS DISTINCT FROM 'TRACK'
)
SELECT DISTINCT ON (p.user_id, p.content_id, p.played_at, stopped.at, p.ms_played)
       p.user_id, p.content_id, p.names_key, p.kind, p.export_track_id, p.played_at, p.ms_played,
       stopped.at AS stopped_at, p.elapsed_s, p.context_id, p.names
FROM (SELECT p.user_id, named.id AS content_id, named.names_key, e.kind, p.export_track_id, p.played_at,
             p.ms_played, p.stopped_at, p.elapsed_s, p.context_id, named.names, context.fields_given,
             context.fingerprint
      FROM imported_plays AS p
      JOIN export_tracks AS e ON e.id = p.export_track_id
      JOIN play_contexts AS context ON context.id = p.context_id
      CROSS JOIN LATERAL ({episode_events/content}) AS named
      WHERE p.user_id = ANY (%(user_ids)s) AND p.context_id IS NOT NULL
        AND p.played_at >= %(rows_from)s AND p.played_at < %(near_end)s
        AND p.ms_played >= %(min_play_ms)s
        AND (p.export_track_id IN (SELECT id FROM others)) IS TRUE -- by a hash table, however few are expected
      OFFSET 0) AS p -- for which see events/extended -- noqa: AM09
CROSS JOIN LATERAL (SELECT p.content_id AS id) AS content
CROSS JOIN LATERAL (SELECT coalesce(p.stopped_at, p.played_at) AS at) AS stopped
WHERE CASE WHEN p.elapsed_s = -1 THEN NOT EXISTS ({episode_events/dated_twin}) ELSE true END
ORDER BY p.user_id, p.content_id, p.played_at, stopped.at, p.ms_played,
         p.elapsed_s IS NOT DISTINCT FROM -1, p.elapsed_s DESC NULLS LAST,
         p.fields_given DESC, p.fingerprint, p.kind DESC, p.names COLLATE "C" DESC
