-- pending_song_keys: one row per song key of names that mean no track yet, with the song of the tracks that have the
-- key or, where there is none, a new one.
CREATE TEMPORARY TABLE pending_song_keys ON COMMIT DROP AS
SELECT named.song_key, named.name, named.artist, known.song_id IS NULL AS is_new,
       coalesce(known.song_id, nextval(pg_get_serial_sequence('songs', 'id'))) AS song_id
FROM (SELECT DISTINCT ON (e.song_key) e.song_key, e.track_name AS name, e.artist_name AS artist
      FROM pending_names
      JOIN export_tracks AS e ON e.id = pending_names.export_track_id
      WHERE e.song_key IS NOT NULL AND e.artist_key <> name_key('Various Artists')
        AND NOT EXISTS (SELECT FROM export_track_links AS link WHERE link.export_track_id = e.id)
      ORDER BY e.song_key, length(e.track_name), e.track_name COLLATE "C" DESC, e.artist_name COLLATE "C" DESC) AS named
LEFT JOIN LATERAL (SELECT t.song_id
                   FROM track_song_keys AS k
                   JOIN tracks AS t ON t.id = k.track_id
                   WHERE k.song_key = named.song_key
                   LIMIT 1) AS known ON true;

ANALYZE pending_song_keys (song_key);

INSERT INTO songs (id, name, artist)
SELECT song_id, name, artist FROM pending_song_keys WHERE is_new ORDER BY song_id;

-- A known song whose new title is the one to show: see songs/names.
UPDATE songs
SET name = p.name, artist = p.artist
FROM pending_song_keys AS p
WHERE songs.id = p.song_id AND NOT p.is_new
  AND (songs.name IS NULL OR length(p.name) < length(songs.name)
       OR (length(p.name) = length(songs.name)
           AND (p.name COLLATE "C", p.artist COLLATE "C") > (songs.name COLLATE "C", songs.artist COLLATE "C")));
