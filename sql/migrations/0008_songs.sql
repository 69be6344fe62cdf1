-- Songs: what a listener calls the same, however many tracks it is on. After 0004 and 0005, because songs sum the first
-- plays and follow the corrections that those add.


-- Keys: tracks that share one are one song --------------------------------------------------------------------------

CREATE FUNCTION song_text(name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN translate(lower(btrim(regexp_replace(
        CASE WHEN name IS NFKC NORMALIZED THEN name ELSE normalize(name, NFKC) END, '\s\s+|[^\S ]', ' ', 'g'
    )) COLLATE pg_c_utf8), '‘’‚‛ʼʹ′“”„‟«»‐‒–—―−[]ς', '''''''''''''''""""""------()σ');
COMMENT ON FUNCTION song_text IS
    'A name for comparing songs: as in name_key, and curly quotes, dashes, square brackets and final sigma are plain.';

-- Words, not patterns: a version is left out of a title if it says nothing else than these.
CREATE FUNCTION is_version_to_fold(words text[]) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN words && ARRAY['remaster', 'remastered', 'mastered', 'mono', 'stereo', 'deluxe', 'bonus', 'explicit',
                          'clean']
        OR ('version' = ANY (words) AND words && ARRAY['single', 'album', 'lp']);
COMMENT ON FUNCTION is_version_to_fold IS
    'Whether words that say which version a track is name one that is the same song.';

CREATE FUNCTION version_words(version text) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN string_to_array(translate(version, '0123456789/;,.&+-', '                 '), ' ');
COMMENT ON FUNCTION version_words IS 'The words of a text that says which version a track is, without numbers.';

CREATE FUNCTION song_title(title text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    known_words CONSTANT text[] := ARRAY[
        '', 'remaster', 'remastered', 're', 'master', 'mastered', 'digital', 'digitally', 'newly', 'bit', 'mono', 'stereo',
        'version', 'edition', 'recording', 'track', 'single', 'album', 'lp', 'original', 'deluxe', 'bonus', 'expanded',
        'explicit', 'clean', 'anniversary', 'in', 'st', 'nd', 'rd', 'th'];
    whole CONSTANT text := song_text(title);
    short text := whole;
    part text;
    parts text[];
    words text[];
    begins integer;
    ends integer;
    kept integer;
BEGIN
    -- In brackets, the innermost first; those that stay are marked until all are done.
    LOOP
        ends := strpos(short, ')');
        EXIT WHEN ends = 0;
        part := split_part(left(short, ends - 1), '(', -1);
        begins := ends - length(part) - 1;
        IF begins < 1 THEN
            short := overlay(short PLACING chr(2) FROM ends FOR 1);
            CONTINUE;
        END IF;
        words := version_words(part);
        IF (words <@ known_words AND is_version_to_fold(words)) OR part ~ '^ ?(?:(?:feat|ft)[. ]|(?:featuring|with) )' THEN
            short := rtrim(left(short, begins - 1)) || substr(short, ends + 1);
        ELSE
            short := overlay(overlay(short PLACING chr(2) FROM ends FOR 1) PLACING chr(1) FROM begins FOR 1);
        END IF;
    END LOOP;
    short := btrim(translate(short, chr(1) || chr(2), '()'));

    -- Guests without brackets: up to the next dash or bracket.
    IF strpos(short, ' f') > 0 THEN
        begins := coalesce(nullif(strpos(short, ' feat.'), 0), nullif(strpos(short, ' ft.'), 0),
                           strpos(short, ' featuring '));
        IF begins > 1 THEN
            part := substr(short, begins + 1);
            ends := least(nullif(strpos(part, ' - '), 0), nullif(strpos(part, ' ('), 0), length(part) + 1);
            short := rtrim(left(short, begins - 1), '- ') || substr(part, ends);
        END IF;
    END IF;

    -- After dashes, at the end.
    IF strpos(short, ' - ') > 0 THEN
        parts := string_to_array(short, ' - ');
        kept := cardinality(parts);
        WHILE kept > 1 AND version_words(parts[kept]) <@ known_words LOOP
            kept := kept - 1;
        END LOOP;
        IF kept < cardinality(parts) AND is_version_to_fold(version_words(array_to_string(parts[kept + 1:], ' '))) THEN
            parts := parts[:kept];
        END IF;
        kept := cardinality(parts);
        IF kept > 1 AND strpos(parts[kept], '/') > 0 THEN -- live / remastered
            words := version_words(split_part(parts[kept], '/', -1));
            IF words <@ known_words AND is_version_to_fold(words) THEN
                parts[kept] := rtrim(left(parts[kept], -1 - length(split_part(parts[kept], '/', -1))));
            END IF;
        END IF;
        short := array_to_string(parts, ' - ');
    END IF;
    RETURN CASE WHEN short = '' THEN whole ELSE short END;
END $$;
COMMENT ON FUNCTION song_title IS
    'A title without guests and without versions that are the same song (remasters, mono, album version): '
    'docs/guide/songs.md.';

-- Most names are plain ASCII and name no guests and no version. Looking for the few characters that say so is much
-- cheaper than folding them. Not STRICT, so that PostgreSQL can inline the function; NULL still gives NULL.
CREATE FUNCTION song_key(title text, artist text) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN md5(CASE WHEN octet_length(title) = length(title) AND octet_length(artist) = length(artist)
                         AND strpos(title, '(') = 0 AND strpos(title, '[') = 0 AND strpos(title, ']') = 0
                         AND strpos(artist, '[') = 0 AND strpos(artist, ']') = 0
                         AND strpos(title, ' - ') = 0
                         AND strpos(lower(title), ' feat') = 0 AND strpos(lower(title), ' ft.') = 0
                         AND strpos(title, '  ') = 0 AND strpos(artist, '  ') = 0
                         AND strpos(title, E'\t') = 0 AND strpos(artist, E'\t') = 0
                         AND strpos(title, E'\n') = 0 AND strpos(artist, E'\n') = 0
                         AND strpos(title, E'\v') = 0 AND strpos(artist, E'\v') = 0
                         AND strpos(title, E'\f') = 0 AND strpos(artist, E'\f') = 0
                         AND strpos(title, E'\r') = 0 AND strpos(artist, E'\r') = 0
                    THEN lower(btrim(title) COLLATE pg_c_utf8) || E'\n' || lower(btrim(artist) COLLATE pg_c_utf8)
                    ELSE song_title(title) || E'\n' || song_text(artist) END)::uuid;
COMMENT ON FUNCTION song_key IS
    'Key of a song: equal for names whose folded title and first artist are equal; NULL if one is not given.';

CREATE FUNCTION isrc_song_key(isrc text) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN md5(E'\nISRC ' || upper(translate(isrc, '- ', '')))::uuid;
COMMENT ON FUNCTION isrc_song_key IS 'Key of a song: equal for equal ISRCs, with or without dashes.';

ALTER TABLE export_tracks ADD COLUMN song_key uuid
    GENERATED ALWAYS AS (CASE WHEN kind = 'TRACK' THEN song_key(track_name, artist_name) END) STORED;
CREATE INDEX ON export_tracks (song_key);
COMMENT ON COLUMN export_tracks.song_key IS 'song_key of track_name and artist_name; NULL if one is not given';


-- The catalog -------------------------------------------------------------------------------------------------------

CREATE TABLE songs (
    id     bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    name   text,
    artist text
);
COMMENT ON TABLE songs IS 'One row per song: tracks of equal title and first artist, or of equal ISRC.';
COMMENT ON COLUMN songs.id IS 'surrogate key; kept while tracks join and leave the song';
COMMENT ON COLUMN songs.name IS 'the shortest of its titles; NULL while none is known';
COMMENT ON COLUMN songs.artist IS 'first artist, of the names with that title; NULL while unknown';

ALTER TABLE tracks ADD COLUMN song_id bigint, ADD COLUMN payload_song_key uuid;

-- At first every track is a song; the next synchronization of the catalog joins them.
INSERT INTO songs (id) SELECT id FROM tracks WHERE merged_into IS NULL ORDER BY id;
DO $$ BEGIN
    PERFORM setval(pg_get_serial_sequence('songs', 'id'), coalesce(max(id), 1), max(id) IS NOT NULL) FROM songs;
END $$;
UPDATE tracks AS t
SET song_id = coalesce(t.merged_into, t.id),
    payload_song_key = (SELECT song_key(o.payload ->> 'name', o.payload #>> '{artists,0,name}')
                        FROM spotify_objects AS o
                        WHERE o.object_type = 'track' AND o.spotify_id = t.spotify_id);

CREATE FUNCTION give_song() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO songs DEFAULT VALUES RETURNING id INTO NEW.song_id;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION give_song IS 'Trigger: a track that is added without a song is a song of its own.';
CREATE TRIGGER give_song BEFORE INSERT ON tracks
    FOR EACH ROW WHEN (new.song_id IS NULL) EXECUTE FUNCTION give_song();

ALTER TABLE tracks ALTER COLUMN song_id SET NOT NULL;
CREATE INDEX ON tracks (song_id);
CREATE INDEX ON tracks (payload_song_key) WHERE payload_song_key IS NOT NULL;
CREATE INDEX tracks_isrc ON tracks (isrc_song_key(isrc)) WHERE isrc IS NOT NULL;
COMMENT ON COLUMN tracks.song_id IS 'songs.id; a merged track has that of the track that it is the same as';
COMMENT ON COLUMN tracks.payload_song_key IS
    'song_key of Spotify''s name and first artist; NULL while unknown, and for Various Artists if exports know better';

CREATE TABLE corrected_song_keys (
    track_id    bigint NOT NULL REFERENCES tracks ON DELETE CASCADE,
    song_key    uuid NOT NULL,
    is_only_key boolean NOT NULL,
    PRIMARY KEY (track_id, song_key)
);
COMMENT ON TABLE corrected_song_keys IS
    'One row per track that a correction joins with others or makes a song of its own, and key that does so.';
COMMENT ON COLUMN corrected_song_keys.track_id IS 'tracks.id';
COMMENT ON COLUMN corrected_song_keys.song_key IS 'key that the correction gives the track';
COMMENT ON COLUMN corrected_song_keys.is_only_key IS
    'the names and the ISRC of the track are no keys: it was split off';

CREATE TABLE pending_song_tracks (track_id bigint PRIMARY KEY);
COMMENT ON TABLE pending_song_tracks IS 'One row per track whose song the catalog has yet to derive again.';
COMMENT ON COLUMN pending_song_tracks.track_id IS 'tracks.id; 0: a correction of songs was made or taken back';
INSERT INTO pending_song_tracks (track_id) SELECT id FROM tracks WHERE merged_into IS NULL;

-- Of the tracks that a correction names some may not be known yet, so it asks for all corrections to be looked at.
CREATE FUNCTION correct_songs() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO pending_song_tracks (track_id) VALUES (0) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION correct_songs IS
    'Trigger: a correction of songs that is made or taken back, also because its user is forgotten, is derived next.';
CREATE TRIGGER correct_songs AFTER INSERT ON corrections
    FOR EACH ROW WHEN (new.kind IN ('JOIN_SONGS', 'SPLIT_SONG')) EXECUTE FUNCTION correct_songs();
CREATE TRIGGER uncorrect_songs AFTER DELETE ON corrections
    FOR EACH ROW WHEN (old.kind IN ('JOIN_SONGS', 'SPLIT_SONG')) EXECUTE FUNCTION correct_songs();

-- "Various Artists" says nothing of the artist, so its names count only where a track has no other.
CREATE VIEW track_song_keys AS
SELECT link.track_id, e.song_key
FROM export_tracks AS e
JOIN export_track_links AS link ON link.export_track_id = e.id
WHERE e.song_key IS NOT NULL AND e.artist_key <> name_key('Various Artists')
  AND NOT EXISTS (SELECT FROM corrected_song_keys AS c WHERE c.track_id = link.track_id AND c.is_only_key)
UNION ALL
SELECT t.id, t.payload_song_key
FROM tracks AS t
WHERE t.payload_song_key IS NOT NULL AND t.merged_into IS NULL
  AND NOT EXISTS (SELECT FROM corrected_song_keys AS c WHERE c.track_id = t.id AND c.is_only_key)
UNION ALL
SELECT t.id, isrc_song_key(t.isrc)
FROM tracks AS t
WHERE t.isrc IS NOT NULL AND t.merged_into IS NULL
  AND NOT EXISTS (SELECT FROM corrected_song_keys AS c WHERE c.track_id = t.id AND c.is_only_key)
UNION ALL
SELECT link.track_id, e.song_key
FROM export_tracks AS e
JOIN export_track_links AS link ON link.export_track_id = e.id
JOIN tracks AS t ON t.id = link.track_id
WHERE e.song_key IS NOT NULL AND e.artist_key = name_key('Various Artists')
  AND (t.payload_song_key IS NULL OR t.payload_song_key = song_key(t.name, 'Various Artists'))
  AND NOT EXISTS (SELECT FROM export_track_links AS other_link
                  JOIN export_tracks AS other ON other.id = other_link.export_track_id
                  WHERE other_link.track_id = link.track_id
                    AND other.song_key IS NOT NULL AND other.artist_key <> name_key('Various Artists'))
  AND NOT EXISTS (SELECT FROM corrected_song_keys AS c WHERE c.track_id = link.track_id AND c.is_only_key)
UNION ALL
SELECT track_id, song_key
FROM corrected_song_keys;
COMMENT ON VIEW track_song_keys IS
    'One row per track and key of it: its names, its ISRC, and what corrections say. Tracks that share a key are '
    'one song.';
COMMENT ON COLUMN track_song_keys.track_id IS 'tracks.id';
COMMENT ON COLUMN track_song_keys.song_key IS 'song_key or isrc_song_key, or the key of a correction';


-- Statistics --------------------------------------------------------------------------------------------------------

-- Of most songs a user plays one track, whose row in user_track_stats says it all.
CREATE TABLE user_song_sums (
    user_id         bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    song_id         bigint NOT NULL REFERENCES songs,
    recordings      integer NOT NULL CHECK (recordings > 1),
    play_count      bigint NOT NULL CHECK (play_count > 0),
    total_ms        bigint NOT NULL CHECK (total_ms > 0),
    first_played_at timestamptz NOT NULL,
    last_played_at  timestamptz NOT NULL,
    PRIMARY KEY (user_id, song_id)
);
CREATE INDEX user_song_sums_top ON user_song_sums (user_id, play_count DESC);
CREATE INDEX ON user_song_sums (song_id);
COMMENT ON TABLE user_song_sums IS
    'One row per user and song of which the user played several tracks: their all-time counts together.';
COMMENT ON COLUMN user_song_sums.user_id IS 'users.id';
COMMENT ON COLUMN user_song_sums.song_id IS 'songs.id';
COMMENT ON COLUMN user_song_sums.recordings IS 'number of tracks of the song that the user played';
COMMENT ON COLUMN user_song_sums.play_count IS 'number of plays';
COMMENT ON COLUMN user_song_sums.total_ms IS 'milliseconds heard';
COMMENT ON COLUMN user_song_sums.first_played_at IS 'end of the first play';
COMMENT ON COLUMN user_song_sums.last_played_at IS 'end of the latest play';

CREATE VIEW user_song_stats AS
SELECT user_id, song_id, recordings, play_count, total_ms, first_played_at, last_played_at
FROM user_song_sums
UNION ALL
SELECT s.user_id, t.song_id, 1, s.play_count, s.total_ms, s.first_played_at, s.last_played_at
FROM user_track_stats AS s
JOIN tracks AS t ON t.id = s.track_id
WHERE NOT EXISTS (SELECT FROM user_song_sums AS summed WHERE summed.user_id = s.user_id AND summed.song_id = t.song_id);
COMMENT ON VIEW user_song_stats IS 'One row per user and song that the user ever played: all-time counts.';
COMMENT ON COLUMN user_song_stats.user_id IS 'users.id';
COMMENT ON COLUMN user_song_stats.song_id IS 'songs.id';
COMMENT ON COLUMN user_song_stats.recordings IS 'number of tracks of the song that the user played';
COMMENT ON COLUMN user_song_stats.play_count IS 'number of plays';
COMMENT ON COLUMN user_song_stats.total_ms IS 'milliseconds heard';
COMMENT ON COLUMN user_song_stats.first_played_at IS 'end of the first play';
COMMENT ON COLUMN user_song_stats.last_played_at IS 'end of the latest play';

COMMENT ON TABLE user_year_top_tracks IS
    'One row per user, local year and track among the 50 that the user played most in that year, or of a song '
    'among those.';


-- What people query -------------------------------------------------------------------------------------------------

CREATE VIEW named_songs AS
SELECT songs.id,
       coalesce(songs.name, (SELECT tracks.spotify_id FROM tracks
                             WHERE tracks.song_id = songs.id AND tracks.merged_into IS NULL
                             ORDER BY tracks.id LIMIT 1)) AS name,
       songs.artist
FROM songs;
COMMENT ON VIEW named_songs IS 'One row per song, with the names to show.';
COMMENT ON COLUMN named_songs.id IS 'songs.id';
COMMENT ON COLUMN named_songs.name IS 'name of the song, or the Spotify id of its track while the name is unknown';
COMMENT ON COLUMN named_songs.artist IS 'name of the first artist; NULL while unknown';

-- Of both parts of user_song_stats the first songs are read in the order of an index. The view would read and sort all.
CREATE FUNCTION top_songs(of_user bigint, each integer DEFAULT 50)
    RETURNS TABLE (song_id bigint, name text, artist text, recordings integer, play_count bigint, total_ms bigint)
    LANGUAGE plpgsql STABLE ROWS 50 SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT top.song_id, named.name, named.artist, top.recordings, top.play_count, top.total_ms
    FROM (SELECT song_id, recordings, play_count, total_ms
          FROM ((SELECT song_id, recordings, play_count, total_ms
                 FROM user_song_sums
                 WHERE user_id = of_user AND play_count > 0
                 ORDER BY play_count DESC, total_ms DESC, song_id
                 LIMIT each)
                UNION ALL
                (SELECT t.song_id, 1, s.play_count, s.total_ms
                 FROM user_track_stats AS s
                 JOIN tracks AS t ON t.id = s.track_id
                 WHERE s.user_id = of_user AND s.play_count > 0
                   AND NOT EXISTS (SELECT FROM user_song_sums AS summed
                                   WHERE summed.user_id = of_user AND summed.song_id = t.song_id)
                 ORDER BY s.play_count DESC, s.total_ms DESC, t.song_id
                 LIMIT each)) AS counted
          ORDER BY play_count DESC, total_ms DESC, song_id
          LIMIT each) AS top
    JOIN named_songs AS named ON named.id = top.song_id
    ORDER BY top.play_count DESC, top.total_ms DESC, top.song_id;
END $$;
COMMENT ON FUNCTION top_songs IS
    'One row per song: those that a user played most, the most played first; recordings: how '
    'many tracks of it were played.';

CREATE FUNCTION top_songs_of_month(of_user bigint, of_month date, each integer DEFAULT 50)
    RETURNS TABLE (song_id bigint, name text, artist text, recordings integer, play_count bigint, total_ms bigint)
    LANGUAGE plpgsql STABLE ROWS 50 SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    this_month date := date_trunc('month', of_month);
    next_month date := this_month + interval '1 month';
BEGIN
    RETURN QUERY
    SELECT top.song_id, named.name, named.artist, top.recordings, top.play_count, top.total_ms
    FROM (SELECT t.song_id, count(*)::integer AS recordings, sum(counted.play_count)::bigint AS play_count,
                 sum(counted.total_ms)::bigint AS total_ms
          FROM (SELECT track_id, sum(play_count) AS play_count, sum(total_ms) AS total_ms
                FROM (SELECT track_id, play_count, total_ms
                      FROM user_track_months
                      WHERE user_id = of_user AND month = this_month
                      UNION ALL
                      SELECT track_id, play_count, total_ms
                      FROM user_month_edges
                      WHERE user_id = of_user AND month = this_month
                      UNION ALL
                      SELECT track_id, -play_count, -total_ms
                      FROM user_month_edges
                      WHERE user_id = of_user AND month = next_month) AS plays
                GROUP BY track_id
                HAVING sum(play_count) > 0) AS counted
          JOIN tracks AS t ON t.id = counted.track_id
          GROUP BY t.song_id
          ORDER BY play_count DESC, total_ms DESC, song_id
          LIMIT each) AS top
    JOIN named_songs AS named ON named.id = top.song_id
    ORDER BY top.play_count DESC, top.total_ms DESC, top.song_id;
END $$;
COMMENT ON FUNCTION top_songs_of_month IS
    'One row per song: those that a user played most in the local month that contains a day, the most played first.';

CREATE FUNCTION top_songs_of_year(of_user bigint, of_year integer, each integer DEFAULT 50)
    RETURNS TABLE (song_id bigint, name text, artist text, recordings integer, play_count bigint, total_ms bigint)
    LANGUAGE plpgsql STABLE ROWS 50 SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT top.song_id, named.name, named.artist, top.recordings, top.play_count, top.total_ms
    FROM (SELECT t.song_id, count(*)::integer AS recordings, sum(kept.play_count) AS play_count,
                 sum(kept.total_ms)::bigint AS total_ms
          FROM user_year_top_tracks AS kept
          JOIN tracks AS t ON t.id = kept.track_id
          WHERE kept.user_id = of_user AND kept.year = of_year
          GROUP BY t.song_id
          ORDER BY play_count DESC, total_ms DESC, song_id
          LIMIT least(each, 50)) AS top
    JOIN named_songs AS named ON named.id = top.song_id
    ORDER BY top.play_count DESC, top.total_ms DESC, top.song_id;
END $$;
COMMENT ON FUNCTION top_songs_of_year IS
    'One row per song: those that a user played most in a local year, of which 50 are kept, the most played first.';

-- Of the songs of a year beyond its 50 most played ones, not all tracks are kept.
CREATE FUNCTION recordings_of_song(of_user bigint, of_song bigint, of_year integer DEFAULT NULL)
    RETURNS TABLE (track_id bigint, name text, artist text, album text, play_count bigint, total_ms bigint)
    LANGUAGE plpgsql STABLE ROWS 5 SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT played.track_id, named.name, named.artist, albums.name, played.play_count, played.total_ms
    FROM (SELECT s.track_id, s.play_count, s.total_ms
          FROM tracks AS t
          JOIN user_track_stats AS s ON s.user_id = of_user AND s.track_id = t.id
          WHERE t.song_id = of_song AND of_year IS NULL
          UNION ALL
          SELECT kept.track_id, kept.play_count::bigint, kept.total_ms
          FROM tracks AS t
          JOIN user_year_top_tracks AS kept ON kept.user_id = of_user AND kept.year = of_year AND kept.track_id = t.id
          WHERE t.song_id = of_song) AS played
    JOIN named_tracks AS named ON named.id = played.track_id
    JOIN tracks AS shown ON shown.id = played.track_id
    LEFT JOIN albums ON albums.id = shown.album_id
    ORDER BY played.play_count DESC, played.total_ms DESC, played.track_id;
END $$;
COMMENT ON FUNCTION recordings_of_song IS
    'One row per track of a song that a user played, ever or in one of the years of '
    'top_songs_of_year, the most played first.';

-- Tracks of the most played songs are kept, too: no more of them are listed than before.
CREATE OR REPLACE FUNCTION top_tracks_of_year(of_user bigint, of_year integer, each integer DEFAULT 50)
    RETURNS TABLE (name text, artist text, play_count bigint, total_ms bigint)
    LANGUAGE plpgsql STABLE ROWS 50 SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT named.name, named.artist, top.play_count::bigint, top.total_ms
    FROM (SELECT track_id, play_count, total_ms
          FROM user_year_top_tracks
          WHERE user_id = of_user AND year = of_year
          ORDER BY play_count DESC, total_ms DESC, track_id
          LIMIT least(each, 50)) AS top
    JOIN named_tracks AS named ON named.id = top.track_id
    ORDER BY top.play_count DESC, top.total_ms DESC, top.track_id;
END $$;
