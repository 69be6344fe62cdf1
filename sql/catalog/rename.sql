-- One row per track that takes other names or fields. Where its keys change, the slices that polled it meet account data anew.
WITH renamed AS (
    UPDATE tracks AS t
    SET name = c.track_name, name_key = c.track_key, artist_key = c.artist_key, album_id = c.album_id,
        duration_ms = c.duration_ms, isrc = c.isrc, preview_url = c.preview_url, updated_at = now()
    FROM current_names AS c, tracks AS old
    WHERE t.id = c.track_id AND old.id = t.id
      AND (t.name, t.name_key, t.artist_key, t.album_id, t.duration_ms, t.isrc, t.preview_url) IS DISTINCT FROM
          (c.track_name, c.track_key, c.artist_key, c.album_id, c.duration_ms, c.isrc, c.preview_url)
    RETURNING t.id, t.spotify_id,
              (old.name_key, old.artist_key) IS DISTINCT FROM (c.track_key, c.artist_key) AS has_new_keys
), has_new_keys AS (
    INSERT INTO renamed_tracks SELECT id FROM renamed WHERE has_new_keys
), polled_ids AS (
    SELECT spotify_id FROM renamed WHERE has_new_keys AND spotify_id IS NOT NULL
    UNION
    SELECT alias.spotify_id FROM renamed JOIN track_aliases AS alias ON alias.track_id = renamed.id WHERE has_new_keys
), marked AS (
    INSERT INTO invalidated_user_months (user_id, month, stage)
    SELECT DISTINCT p.user_id, date_trunc('month', p.played_at + direction.step)::date, 'EVENTS'::derivation_stage
    FROM polled_ids
    JOIN polled_plays AS p USING (spotify_id)
    CROSS JOIN (VALUES (-%(match_window)s::interval), (interval '0'), (%(match_window)s)) AS direction (step)
    WHERE EXISTS (SELECT FROM imported_plays AS told
                  WHERE told.user_id = p.user_id AND told.context_id IS NULL
                    AND told.played_at BETWEEN p.played_at - %(match_window)s AND p.played_at + %(match_window)s)
    ON CONFLICT (user_id, month, stage) DO UPDATE SET marked_at = now()
)
SELECT count(*) FROM renamed
