-- Songs, shows and private sessions can be hidden.

-- As before, and HIDE_SONG: by any of its tracks.
CREATE OR REPLACE VIEW hidden_tracks AS
SELECT c.user_id, c.id AS correction_id, t.id AS track_id
FROM corrections AS c
JOIN tracks AS t ON t.spotify_id = c.what ->> 'spotify_id'
WHERE c.kind = 'HIDE_TRACK'
UNION ALL
SELECT c.user_id, c.id, alias.track_id
FROM corrections AS c
JOIN track_aliases AS alias ON alias.spotify_id = c.what ->> 'spotify_id'
WHERE c.kind = 'HIDE_TRACK'
UNION ALL
SELECT DISTINCT c.user_id, c.id, link.track_id
FROM corrections AS c
JOIN export_tracks AS e ON e.spotify_id IS NULL AND e.track_key = name_key(c.what ->> 'track')
                       AND e.artist_key = name_key(c.what ->> 'artist')
JOIN export_track_links AS link ON link.export_track_id = e.id
WHERE c.kind = 'HIDE_TRACK'
UNION ALL
SELECT DISTINCT song.user_id, song.id, t.id
FROM (SELECT c.user_id, c.id, named.song_id
      FROM corrections AS c
      JOIN tracks AS named ON named.spotify_id = c.what ->> 'spotify_id'
      WHERE c.kind = 'HIDE_SONG'
      UNION ALL
      SELECT c.user_id, c.id, named.song_id
      FROM corrections AS c
      JOIN track_aliases AS alias ON alias.spotify_id = c.what ->> 'spotify_id'
      JOIN tracks AS named ON named.id = alias.track_id
      WHERE c.kind = 'HIDE_SONG'
      UNION ALL
      SELECT c.user_id, c.id, named.song_id
      FROM corrections AS c
      JOIN export_tracks AS e ON e.spotify_id IS NULL AND e.track_key = name_key(c.what ->> 'track')
                             AND e.artist_key = name_key(c.what ->> 'artist')
      JOIN export_track_links AS link ON link.export_track_id = e.id
      JOIN tracks AS named ON named.id = link.track_id
      WHERE c.kind = 'HIDE_SONG') AS song
JOIN tracks AS t ON t.song_id = song.song_id
UNION ALL
SELECT c.user_id, c.id, credit.track_id
FROM corrections AS c
JOIN artists AS a ON a.spotify_id = c.what ->> 'spotify_id'
JOIN track_artists AS credit ON credit.artist_id = a.id
WHERE c.kind = 'HIDE_ARTIST'
UNION ALL
SELECT c.user_id, c.id, credit.track_id
FROM corrections AS c
JOIN artists AS a ON a.name_key = name_key(c.what ->> 'artist') AND a.is_canonical_for_name
JOIN track_artists AS credit ON credit.artist_id = a.id
WHERE c.kind = 'HIDE_ARTIST'
UNION ALL
SELECT c.user_id, c.id, t.id
FROM corrections AS c
JOIN albums AS a ON a.spotify_id = c.what ->> 'spotify_id'
JOIN tracks AS t ON t.album_id = a.id
WHERE c.kind = 'HIDE_ALBUM'
UNION ALL
SELECT c.user_id, c.id, t.id
FROM corrections AS c
JOIN albums AS a ON a.name_key = name_key(c.what ->> 'album') AND a.is_canonical_for_name
                AND a.artist_key IS NOT DISTINCT FROM name_key(c.what ->> 'artist')
JOIN tracks AS t ON t.album_id = a.id
WHERE c.kind = 'HIDE_ALBUM';

-- A show is known by the names that exports gave it; a correction has all of them.
CREATE VIEW hidden_shows AS
SELECT c.user_id, c.id AS correction_id, e.id AS export_track_id
FROM corrections AS c
CROSS JOIN LATERAL jsonb_array_elements_text(c.what -> 'shows') AS show (name)
JOIN export_tracks AS e ON e.kind <> 'TRACK'
                       AND name_key(show.name) = CASE e.kind WHEN 'CHAPTER' THEN e.album_key ELSE e.artist_key END
WHERE c.kind = 'HIDE_SHOW';
COMMENT ON VIEW hidden_shows IS
    'One row per row of export_tracks that is not music, and correction that hides its show or audiobook.';
COMMENT ON COLUMN hidden_shows.user_id IS 'users.id';
COMMENT ON COLUMN hidden_shows.correction_id IS 'corrections.id';
COMMENT ON COLUMN hidden_shows.export_track_id IS 'export_tracks.id, as in episode_events';

ALTER TABLE user_settings ADD COLUMN hide_incognito boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN user_settings.hide_incognito IS 'plays of private sessions (play_contexts.incognito) do not count';

CREATE OR REPLACE FUNCTION has_hidden_plays(of_user bigint) RETURNS boolean
    LANGUAGE sql STABLE
    RETURN EXISTS (SELECT FROM corrections
                   WHERE user_id = of_user AND kind NOT IN ('UNDO_IMPORT', 'JOIN_SONGS', 'SPLIT_SONG'))
        OR EXISTS (SELECT FROM hidden_track_months WHERE user_id = of_user)
        OR EXISTS (SELECT FROM user_settings WHERE user_id = of_user AND hide_incognito);
