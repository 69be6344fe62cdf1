-- One row: how many tracks take other names or fields. Where the keys change by which account data matches, the tracks
-- go into renamed_tracks, and the user-months are invalidated in which account data lies near their polled plays. Where
-- the length changes, user-months are whose plays last as long as their track, for want of better, archived ones, too.
-- Where a key by which songs are joined is lost, tracks go into rekeyed_tracks; keys that are new go into
-- added_song_keys.
WITH renamed AS (
    UPDATE tracks AS t
    SET name = c.track_name, name_key = c.track_key, artist_key = c.artist_key, album_id = c.album_id,
        duration_ms = c.duration_ms, isrc = c.isrc, preview_url = c.preview_url,
        payload_song_key = c.payload_song_key, updated_at = now()
    FROM current_names AS c, tracks AS old
    WHERE t.id = c.track_id AND old.id = t.id
      AND (t.name, t.name_key, t.artist_key, t.album_id, t.duration_ms, t.isrc, t.preview_url, t.payload_song_key)
          IS DISTINCT FROM
          (c.track_name, c.track_key, c.artist_key, c.album_id, c.duration_ms, c.isrc, c.preview_url,
           c.payload_song_key)
    RETURNING t.id, t.spotify_id,
              (old.name_key, old.artist_key) IS DISTINCT FROM (c.track_key, c.artist_key) AS has_new_keys,
              old.duration_ms IS DISTINCT FROM c.duration_ms AS has_new_length,
              old.isrc, c.isrc AS new_isrc, old.payload_song_key, c.payload_song_key AS new_payload_song_key
), listed AS (
    INSERT INTO renamed_tracks (track_id) SELECT id FROM renamed WHERE has_new_keys
), rekeyed AS (
    INSERT INTO rekeyed_tracks (track_id)
    SELECT id FROM renamed WHERE isrc <> coalesce(new_isrc, '')
    UNION
    SELECT id FROM renamed WHERE payload_song_key IS NOT NULL AND payload_song_key IS DISTINCT FROM new_payload_song_key
    ON CONFLICT DO NOTHING
), keyed AS (
    INSERT INTO added_song_keys (track_id, song_key)
    SELECT id, isrc_song_key(new_isrc) FROM renamed WHERE new_isrc IS DISTINCT FROM isrc AND new_isrc IS NOT NULL
    UNION ALL
    SELECT id, new_payload_song_key
    FROM renamed
    WHERE new_payload_song_key IS DISTINCT FROM payload_song_key AND new_payload_song_key IS NOT NULL
), polled_ids AS (
    SELECT spotify_id FROM renamed WHERE has_new_keys AND spotify_id IS NOT NULL
    UNION
    SELECT alias.spotify_id FROM renamed JOIN track_aliases AS alias ON alias.track_id = renamed.id WHERE has_new_keys
), changes AS (
    SELECT p.user_id, p.played_at AS starts_at, p.played_at AS ends_at, 'EVENTS'::derivation_stage AS stage
    FROM polled_ids
    JOIN polled_plays AS p USING (spotify_id)
    WHERE EXISTS (SELECT FROM imported_plays AS near
                  WHERE near.user_id = p.user_id AND near.context_id IS NULL
                    AND near.played_at BETWEEN p.played_at - %(match_window)s AND p.played_at + %(match_window)s)
    UNION ALL
    SELECT p.user_id, p.played_at, p.played_at, 'EVENTS'
    FROM renamed
    JOIN export_track_links AS link ON link.track_id = renamed.id
    JOIN imported_plays AS p ON p.context_id IS NULL AND p.export_track_id = link.export_track_id
    WHERE renamed.has_new_length AND p.ms_played IS NULL
    UNION ALL
    SELECT a.user_id, a.month::timestamptz, (a.month + interval '1 month')::timestamptz, 'EVENTS'
    FROM renamed
    JOIN export_track_links AS link ON link.track_id = renamed.id
    JOIN archived_names AS a USING (export_track_id)
    WHERE renamed.has_new_length AND a.has_unknown_length
), invalidated AS (
    {user_months/invalidate_reached}
)
SELECT count(*) FROM renamed
