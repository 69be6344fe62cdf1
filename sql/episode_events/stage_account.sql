-- account_episodes: one row per account-data play that is not music: per content, minute and length.
INSERT INTO account_episodes (account_no, names_key, kind, export_track_id, played_at, ms_played, names)
SELECT row_number() OVER (), names_key, kind, export_track_id, played_at, ms_played, names
FROM (SELECT DISTINCT ON (content.id, p.played_at, p.ms_played)
             content.names_key, e.kind, e.id AS export_track_id, p.played_at, p.ms_played,
             content.names
      FROM imported_plays AS p
      JOIN export_tracks AS e ON e.id = p.export_track_id
      CROSS JOIN LATERAL ({episode_events/content}) AS content
      WHERE p.user_id = %(user_id)s AND p.context_id IS NULL AND e.kind IS DISTINCT FROM 'TRACK'
        AND p.played_at >= %(near_start)s AND p.played_at < %(near_end)s
        AND p.ms_played >= %(min_play_ms)s
      ORDER BY content.id, p.played_at, p.ms_played, content.names COLLATE "C" DESC) AS distinct_rows
