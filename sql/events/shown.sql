-- One row per play that was only shown, in and around the user-month: polled, or of account data without a length,
-- which names all artists of a track, so that its names may not be those of the same track elsewhere. Tracks are looked
-- up one by one: these are few plays of a large catalog.
SELECT p.track_id, t.song_id, coalesce(e.track_name, t.spotify_id) AS name, p.played_at,
       p.ms_played, p.source, t.name_key IS NULL OR t.artist_key IS NULL OR p.source = 'IMPORT' AS is_nameless
FROM (SELECT coalesce(alias.track_id, known.id) AS track_id, p.played_at, p.duration_ms AS ms_played, 'API' AS source,
             NULL::bigint AS export_track_id
      FROM polled_plays AS p
      LEFT JOIN LATERAL (SELECT track_id FROM track_aliases WHERE spotify_id = p.spotify_id
                         ORDER BY track_id OFFSET 0) AS alias ON true
      LEFT JOIN LATERAL (SELECT id FROM tracks WHERE spotify_id = p.spotify_id
                         ORDER BY id OFFSET 0) AS known ON true
      WHERE p.user_id = %(user_id)s
        AND p.played_at >= %(near_start)s AND p.played_at < %(shown_until)s
      UNION ALL
      SELECT link.track_id, p.played_at, coalesce(known.duration_ms, %(typical_ms)s), 'IMPORT', export_track_id
      FROM imported_plays AS p
      JOIN export_track_links AS link USING (export_track_id)
      JOIN tracks AS known ON known.id = link.track_id
      WHERE %(has_account_data)s AND p.user_id = %(user_id)s AND p.context_id IS NULL AND p.ms_played IS NULL
        AND p.played_at >= %(near_start)s AND p.played_at < %(shown_until)s) AS p
CROSS JOIN LATERAL (SELECT song_id, spotify_id, name_key, artist_key FROM tracks WHERE id = p.track_id
                    ORDER BY id OFFSET 0) AS t
LEFT JOIN LATERAL (SELECT track_name FROM export_tracks WHERE id = p.export_track_id ORDER BY id OFFSET 0) AS e ON true
WHERE p.ms_played >= %(min_play_ms)s
ORDER BY p.played_at, p.ms_played DESC, p.source
