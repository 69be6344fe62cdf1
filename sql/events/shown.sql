-- One row per play that was only shown, in and around the user-month: polled, submitted by a program, or of account
-- data without a length, which names all artists of a track, so that its names may not be those of the same track
-- elsewhere. Such a row gives way to one of the extended history of the same second that is too short, no music, or of
-- other names. Tracks are looked up one by one: these are few plays of a large catalog. Where there is no account data
-- its time is empty: by a condition that is false as a whole, the planner would open every month.
SELECT p.track_id, t.song_id,
       CASE p.source WHEN 'SUBMISSION' THEN e.track_name || e.artist_name || coalesce(t.spotify_id, '')
                     WHEN 'API' THEN t.spotify_id ELSE coalesce(e.track_name, t.spotify_id) END AS name, p.played_at,
       coalesce(p.ms_played, t.duration_ms, %(typical_ms)s) AS ms_played, p.source,
       t.name_key IS NULL OR t.artist_key IS NULL OR p.source <> 'API' AS is_nameless,
       CASE WHEN p.source <> 'API' THEN e.track_key END AS title, p.started_at, p.has_length, p.is_exact
FROM (SELECT coalesce(alias.track_id, known.id) AS track_id, p.played_at, p.duration_ms AS ms_played, 'API' AS source,
             NULL::bigint AS export_track_id, NULL::timestamptz AS started_at, false AS has_length, false AS is_exact
      FROM polled_plays AS p
      LEFT JOIN LATERAL (SELECT track_id FROM track_aliases WHERE spotify_id = p.spotify_id
                         ORDER BY track_id OFFSET 0) AS alias ON true
      LEFT JOIN LATERAL (SELECT id FROM tracks WHERE spotify_id = p.spotify_id
                         ORDER BY id OFFSET 0) AS known ON true
      WHERE p.user_id = %(user_id)s AND p.duration_ms IS NOT NULL
        AND p.played_at >= %(near_start)s AND p.played_at < %(shown_until)s
      UNION ALL
      SELECT link.track_id, p.played_at, coalesce(p.ms_played, nullif(p.elapsed_s, 0) * 1000),
             CASE WHEN p.elapsed_s IS NULL THEN 'IMPORT' WHEN p.elapsed_s < 0 THEN 'API' ELSE 'SUBMISSION' END,
             export_track_id, CASE WHEN p.elapsed_s >= 0 THEN p.played_at - p.elapsed_s * interval '1 second' END,
             coalesce(p.elapsed_s > 0, false), p.ms_played IS NOT NULL AND coalesce(p.elapsed_s >= 0, false)
      FROM imported_plays AS p
      JOIN export_track_links AS link USING (export_track_id)
      WHERE p.user_id = %(user_id)s AND p.context_id IS NULL
        AND (p.ms_played IS NULL OR p.elapsed_s IS NOT NULL)
        AND p.played_at >= %(near_start)s AND p.played_at < %(account_data_until)s
        AND CASE WHEN p.ms_played IS NULL AND p.elapsed_s IS NULL
                 THEN coalesce(({events/matches_second}), true) ELSE true END) AS p
CROSS JOIN LATERAL (SELECT song_id, spotify_id, name_key, artist_key, duration_ms FROM tracks WHERE id = p.track_id
                    ORDER BY id OFFSET 0) AS t
LEFT JOIN LATERAL (SELECT track_name, artist_name, track_key FROM export_tracks WHERE id = p.export_track_id
                   ORDER BY id OFFSET 0) AS e ON true
WHERE coalesce(p.ms_played, t.duration_ms, %(typical_ms)s) >= %(min_play_ms)s
ORDER BY p.played_at, p.ms_played DESC, p.source
