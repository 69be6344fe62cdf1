-- told_episodes: one row per content, instant, upload and length that the extended history tells and that is not music:
-- of rows that differ in names or context only, the one that tells most.
INSERT INTO told_episodes
    (row_no, user_id, content_id, names_key, kind, export_track_id, played_at, ms_played, stopped_at, elapsed_s,
     context_id, names)
WITH plays AS MATERIALIZED ( -- few of many rows: the other tables are read for these only
    SELECT *
    FROM imported_plays
    WHERE user_id = ANY (%(user_ids)s) AND context_id IS NOT NULL
      AND export_track_id IN (SELECT id FROM export_tracks WHERE kind <> 'TRACK')
      AND played_at >= %(told_from)s AND played_at < %(near_end)s
      AND ms_played >= %(min_play_ms)s
)
SELECT row_number() OVER (), user_id, content_id, names_key, kind, export_track_id, played_at, ms_played, stopped_at,
       elapsed_s, context_id, names
FROM (SELECT DISTINCT ON (p.user_id, content.id, p.played_at, stopped.at, p.ms_played)
             p.user_id, content.id AS content_id, content.names_key, e.kind,
             e.id AS export_track_id, p.played_at, p.ms_played, stopped.at AS stopped_at, p.elapsed_s, p.context_id,
             content.names
      FROM plays AS p
      JOIN export_tracks AS e ON e.id = p.export_track_id
      JOIN play_contexts AS context ON context.id = p.context_id
      CROSS JOIN LATERAL ({episode_events/content}) AS content
      CROSS JOIN LATERAL (SELECT coalesce(p.stopped_at, p.played_at) AS at) AS stopped
      ORDER BY p.user_id, content.id, p.played_at, stopped.at, p.ms_played,
               p.elapsed_s IS NOT DISTINCT FROM -1, p.elapsed_s DESC NULLS LAST,
               context.fields_given DESC, context.fingerprint, e.kind DESC, content.names COLLATE "C" DESC
     ) AS distinct_rows
