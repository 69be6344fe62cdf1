-- One row per play of the user that landed, short plays and those in the archive too, by its source, with names and
-- how it was heard: what the import of such a file lands again. A polled play without a length is none yet.
WITH landed AS (
    SELECT CASE WHEN p.context_id IS NOT NULL THEN 'extended' WHEN p.elapsed_s IS NULL THEN 'account'
                WHEN p.elapsed_s < 0 THEN 'polled' ELSE 'submitted' END AS told_by,
           p.played_at, coalesce(p.stopped_at, p.played_at) AS stopped_at, p.ms_played, p.elapsed_s,
           e.kind::text AS kind, e.spotify_id, e.track_name, e.artist_name, e.album_name, p.context_id
    FROM (SELECT * FROM imported_plays WHERE user_id = %(user_id)s
          UNION ALL SELECT * FROM returning_imported_plays) AS p
    JOIN export_tracks AS e ON e.id = p.export_track_id
    UNION ALL
    SELECT 'polled', p.played_at, p.played_at, p.duration_ms, -1, 'TRACK', p.spotify_id, t.name,
           (SELECT artists.name FROM track_artists AS credit JOIN artists ON artists.id = credit.artist_id
            WHERE credit.track_id = t.id ORDER BY credit.position, artists.id LIMIT 1),
           albums.name, NULL
    FROM (SELECT * FROM polled_plays WHERE user_id = %(user_id)s
          UNION ALL SELECT * FROM returning_polled_plays) AS p
    LEFT JOIN LATERAL (SELECT track_id FROM track_aliases WHERE spotify_id = p.spotify_id
                       UNION ALL SELECT id FROM tracks WHERE spotify_id = p.spotify_id LIMIT 1) AS known ON true
    LEFT JOIN tracks AS t ON t.id = known.track_id
    LEFT JOIN albums ON albums.id = t.album_id
    WHERE p.duration_ms IS NOT NULL
)
SELECT told_by, played_at, stopped_at, ms_played, elapsed_s, kind, spotify_id, track_name, artist_name, album_name,
       context.platform, context.country, context.reason_start, context.reason_end, context.shuffle, context.skipped,
       context.offline, context.incognito
FROM landed
LEFT JOIN play_contexts AS context ON context.id = landed.context_id
ORDER BY played_at, told_by, track_name, spotify_id, ms_played
