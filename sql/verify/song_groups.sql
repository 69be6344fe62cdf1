-- One row per song, track or correction that is not what the keys of tracks say: the table, and what is wrong. Songs
-- that are about to be derived are left out.
WITH RECURSIVE settled AS (
    SELECT NOT EXISTS (SELECT FROM pending_song_tracks) AND NOT EXISTS (SELECT FROM pending_export_tracks)
           AND NOT EXISTS (SELECT FROM pending_spotify_objects) AS is_settled
), keys AS MATERIALIZED (
    SELECT k.track_id, k.song_key, t.song_id
    FROM track_song_keys AS k
    JOIN tracks AS t ON t.id = k.track_id
), several AS MATERIALIZED ( -- songs of several tracks, from the least of which the others have to be reached
    SELECT song_id, min(id) AS track_id, count(*) AS tracks
    FROM tracks
    WHERE merged_into IS NULL
    GROUP BY song_id
    HAVING count(*) > 1
), joined AS MATERIALIZED (
    SELECT keys.song_id, keys.track_id, keys.song_key FROM keys JOIN several USING (song_id)
), reached (song_id, track_id) AS (
    SELECT song_id, track_id FROM several
    UNION
    SELECT reached.song_id, other.track_id
    FROM reached
    JOIN joined AS own ON own.track_id = reached.track_id
    JOIN joined AS other ON other.song_key = own.song_key AND other.song_id = reached.song_id
), renamed_songs AS (
    SELECT id AS song_id FROM songs
), shown AS (
    {songs/shown_names}
)
SELECT found.relation, found.what
FROM (SELECT 'tracks' AS relation, 'song ' || t.song_id || ' of track ' || t.id || ' is not known' AS what
      FROM tracks AS t
      WHERE NOT EXISTS (SELECT FROM songs WHERE songs.id = t.song_id)
      UNION ALL
      SELECT 'tracks', 'track ' || t.id || ' is merged into a track of another song'
      FROM tracks AS t
      JOIN tracks AS kept ON kept.id = t.merged_into
      WHERE kept.song_id <> t.song_id
      UNION ALL
      SELECT 'songs', 'song ' || songs.id || ' has no track'
      FROM songs
      WHERE NOT EXISTS (SELECT FROM tracks AS t WHERE t.song_id = songs.id)
      UNION ALL
      SELECT 'songs', 'songs ' || string_agg(DISTINCT song_id::text, ', ') || ' are one: tracks of them share a key'
      FROM keys
      GROUP BY song_key
      HAVING count(DISTINCT song_id) > 1
      UNION ALL
      SELECT 'songs', 'song ' || several.song_id || ' is several: its tracks share no key'
      FROM several
      JOIN reached USING (song_id)
      GROUP BY several.song_id, several.tracks
      HAVING count(*) < several.tracks
      UNION ALL
      SELECT 'songs', 'song ' || songs.id || ' is shown under another name than it should be'
      FROM renamed_songs
      JOIN songs ON songs.id = renamed_songs.song_id
      LEFT JOIN shown ON shown.song_id = songs.id
      WHERE (songs.name, songs.artist) IS DISTINCT FROM (shown.name, shown.artist)
      UNION ALL
      SELECT 'corrected_song_keys', 'track ' || track_id || ' is not what corrections say of its song'
      FROM (SELECT track_id, song_key, is_only_key FROM corrected_song_keys) AS old
      FULL JOIN ({songs/wanted_corrections}) AS new USING (track_id, song_key, is_only_key)
      WHERE old IS NULL OR new IS NULL) AS found
CROSS JOIN settled
WHERE settled.is_settled
ORDER BY found.relation, found.what
