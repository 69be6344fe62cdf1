-- named_songs: one row per song key of names that mean no track yet, with the name to show: see songs/shown_names.
CREATE TEMPORARY TABLE named_songs ON COMMIT DROP AS
SELECT DISTINCT ON (e.song_key) e.song_key, e.track_name AS name, e.artist_name AS artist
FROM pending_names
JOIN export_tracks AS e ON e.id = pending_names.export_track_id
WHERE e.song_key IS NOT NULL AND e.artist_key <> name_key('Various Artists')
  AND NOT EXISTS (SELECT FROM export_track_links AS link WHERE link.export_track_id = e.id)
ORDER BY e.song_key, length(e.track_name), e.track_name COLLATE "C" DESC, e.artist_name COLLATE "C" DESC;

ANALYZE named_songs (song_key);

-- pending_song_keys: one row per such key, with the song of the tracks that have it or, where there is none, a new one.
-- track_song_keys says which do; here, only names can.
CREATE TEMPORARY TABLE pending_song_keys ON COMMIT DROP AS
WITH known AS (
    SELECT named.song_key, t.song_id
    FROM named_songs AS named
    JOIN export_tracks AS e ON e.song_key = named.song_key
    JOIN export_track_links AS link ON link.export_track_id = e.id
    JOIN tracks AS t ON t.id = link.track_id
    WHERE NOT EXISTS (SELECT FROM corrected_song_keys AS c WHERE c.track_id = t.id AND c.is_only_key)
    UNION ALL
    SELECT named.song_key, t.song_id
    FROM named_songs AS named
    JOIN tracks AS t ON t.payload_song_key = named.song_key
    WHERE t.merged_into IS NULL
      AND NOT EXISTS (SELECT FROM corrected_song_keys AS c WHERE c.track_id = t.id AND c.is_only_key)
)
SELECT named.song_key, named.name, named.artist, known.song_id IS NULL AS is_new,
       coalesce(known.song_id, nextval(pg_get_serial_sequence('songs', 'id'))) AS song_id
FROM named_songs AS named
LEFT JOIN (SELECT song_key, min(song_id) AS song_id FROM known GROUP BY song_key) AS known USING (song_key);

ANALYZE pending_song_keys (song_key);

INSERT INTO songs (id, name, artist)
SELECT song_id, name, artist FROM pending_song_keys WHERE is_new ORDER BY song_id;

-- A known song that has a title that is rather to be shown.
UPDATE songs
SET name = p.name, artist = p.artist
FROM pending_song_keys AS p
WHERE songs.id = p.song_id AND NOT p.is_new
  AND (songs.name IS NULL OR length(p.name) < length(songs.name)
       OR (length(p.name) = length(songs.name)
           AND (p.name COLLATE "C", p.artist COLLATE "C") > (songs.name COLLATE "C", songs.artist COLLATE "C")));
