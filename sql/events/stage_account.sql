-- account_plays: one row per account-data play with a length: per track, minute and length.
INSERT INTO account_plays (account_no, track_id, song_id, played_at, ms_played, track_name, artist_name, title)
SELECT row_number() OVER (), track_id, song_id, played_at, ms_played, track_name, artist_name, track_key
FROM (SELECT DISTINCT ON (t.id, p.played_at, p.ms_played)
             t.id AS track_id, t.song_id, p.played_at, p.ms_played, e.track_name, e.artist_name, e.track_key
      FROM imported_plays AS p
      JOIN export_track_links AS link USING (export_track_id)
      JOIN export_tracks AS e ON e.id = p.export_track_id
      JOIN tracks AS t ON t.id = link.track_id
      WHERE p.user_id = %(user_id)s AND p.context_id IS NULL AND p.elapsed_s IS NULL
        AND p.played_at >= %(near_start)s AND p.played_at < %(near_end)s
        AND p.ms_played >= %(min_play_ms)s
      ORDER BY t.id, p.played_at, p.ms_played, e.track_name COLLATE "C" DESC, e.artist_name COLLATE "C" DESC
     ) AS distinct_rows
