-- extended_plays: one row per track, instant, upload and length that the extended history tells: of rows that differ in
-- names or context only, the one that tells most. Episodes and chapters too, also those of account data: older account
-- data lists them as music.
INSERT INTO extended_plays
    (row_no, user_id, track_id, song_id, played_at, ms_played, stopped_at, elapsed_s, context_id, track_name,
     artist_name, album_name)
SELECT row_number() OVER (), %(user_id)s, track_id, song_id, played_at, ms_played, stopped_at, elapsed_s, context_id,
       track_name, artist_name, album_name
FROM (SELECT DISTINCT ON (t.id, p.played_at, stopped.at, p.ms_played, CASE WHEN t.id IS NULL THEN e.id END)
             t.id AS track_id, coalesce(t.song_id, 0) AS song_id, p.played_at, p.ms_played,
             stopped.at AS stopped_at, p.elapsed_s, p.context_id, e.track_name, e.artist_name, e.album_name
      FROM imported_plays AS p
      JOIN export_tracks AS e ON e.id = p.export_track_id
      LEFT JOIN play_contexts AS context ON context.id = p.context_id
      LEFT JOIN export_track_links AS link USING (export_track_id)
      LEFT JOIN tracks AS t ON t.id = link.track_id
      CROSS JOIN LATERAL (SELECT coalesce(p.stopped_at, p.played_at) AS at) AS stopped
      WHERE p.user_id = %(user_id)s
        AND (p.context_id IS NOT NULL OR e.kind IN ('EPISODE', 'CHAPTER'))
        AND p.played_at >= %(rows_from)s AND p.played_at < %(near_end)s
        AND p.ms_played >= %(min_play_ms)s
        AND (t.id IS NOT NULL OR e.kind IN ('EPISODE', 'CHAPTER'))
        AND CASE WHEN p.elapsed_s <> -1 OR p.elapsed_s IS NULL THEN true
                 WHEN t.id IS NOT NULL THEN NOT EXISTS ({events/dated_twin})
                 ELSE NOT EXISTS (SELECT FROM ({episode_events/content}) AS content
                                  CROSS JOIN LATERAL ({episode_events/dated_twin}) AS extended)
            END
      ORDER BY t.id, p.played_at, stopped.at, p.ms_played, CASE WHEN t.id IS NULL THEN e.id END,
               p.elapsed_s IS NOT DISTINCT FROM -1, p.elapsed_s DESC NULLS LAST,
               context.fields_given DESC, context.fingerprint,
               coalesce(e.track_name, '') COLLATE "C" DESC, coalesce(e.artist_name, '') COLLATE "C" DESC,
               coalesce(e.album_name, '') COLLATE "C" DESC) AS distinct_rows
