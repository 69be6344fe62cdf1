-- scale.library: one row per track that users play, the most popular first, with the names under which it lands.
-- Albums have eight tracks; some artists have many albums. Titles are as long as real ones. Of ten tracks two are
-- recordings of one song, by their ISRC.
CREATE TABLE scale.library AS
SELECT number,
       substr(translate(encode(sha256(('track' || number)::bytea), 'base64'), '+/=', 'xyz'), 1, 22) AS spotify_id,
       initcap(substr(md5('title' || number), 1, 6 + number::int %% 20)) || ' ' || number AS track_name,
       artist_no, 'Artist ' || substr(md5('artist' || artist_no), 1, artist_no %% 14) || artist_no AS artist_name,
       substr(translate(encode(sha256(('artist' || artist_no)::bytea), 'base64'), '+/=', 'xyz'), 1, 22) AS artist_id,
       'Album ' || substr(md5('album' || album_no), 1, album_no::int %% 16) || album_no AS album_name,
       substr(translate(encode(sha256(('album' || album_no)::bytea), 'base64'), '+/=', 'xyz'), 1, 22) AS album_id,
       110000 + number * 7919 %% 200000 AS duration_ms, number - (number %% 10 = 9)::int AS isrc_no
FROM (SELECT number, album_no,
             floor(%(artists)s * power(abs(hashint8extended(album_no, 1)) %% 1000003 / 1000003.0::float8, 2))::int
                 AS artist_no
      FROM (SELECT number, number * 7919 %% %(tracks)s / 8 AS album_no
            FROM generate_series(0, %(tracks)s::bigint - 1) AS number) AS tracks) AS albums;

INSERT INTO export_tracks (spotify_id, track_name, artist_name, album_name, last_played_at)
SELECT spotify_id, track_name, artist_name, album_name, %(ends_at)s
FROM scale.library
ORDER BY number;

INSERT INTO pending_export_tracks (first_id, last_id) SELECT min(id), max(id) FROM export_tracks;

INSERT INTO spotify_objects (object_type, spotify_id, payload, is_full)
SELECT 'track', spotify_id,
       jsonb_build_object('id', spotify_id, 'name', track_name, 'duration_ms', duration_ms, 'explicit', false,
                          'disc_number', 1, 'track_number', number %% 8 + 1,
                          'external_ids', jsonb_build_object('isrc', 'USXX1' || lpad(isrc_no::text, 7, '0')),
                          'artists', jsonb_build_array(jsonb_build_object('id', artist_id, 'name', artist_name)),
                          'album', jsonb_build_object('id', album_id)), true
FROM scale.library
UNION ALL
SELECT DISTINCT ON (album_id) 'album', album_id,
       jsonb_build_object('id', album_id, 'name', album_name, 'release_date', (1970 + number %% 55)::text,
                          'images', jsonb_build_array(jsonb_build_object(
                              'url', 'https://i.scdn.co/image/' || md5(album_id))),
                          'artists', jsonb_build_array(jsonb_build_object('id', artist_id, 'name', artist_name))), true
FROM scale.library
UNION ALL
SELECT DISTINCT ON (artist_id) 'artist', artist_id,
       jsonb_build_object('id', artist_id, 'name', artist_name,
                          'images', jsonb_build_array(jsonb_build_object(
                              'url', 'https://i.scdn.co/image/' || md5(artist_id))),
                          'genres', jsonb_build_array('genre ' || artist_no %% 20, 'genre ' || artist_no %% 7)), true
FROM scale.library;

INSERT INTO pending_spotify_objects (object_type, spotify_id) SELECT object_type, spotify_id FROM spotify_objects;

INSERT INTO play_contexts (platform, country, reason_start, reason_end, shuffle, skipped, offline, incognito)
SELECT 'platform ' || number / 40, 'DE', 'start ' || number / 10 %% 4, 'end ' || number %% 10, number %% 2 = 0,
       false, false, false
FROM generate_series(0, 399) AS number;

ALTER TABLE scale.library ADD COLUMN export_track_id bigint, ADD PRIMARY KEY (number);
UPDATE scale.library
SET export_track_id = e.id
FROM export_tracks AS e
WHERE e.spotify_id = library.spotify_id;

ANALYZE scale.library, scale.users, export_tracks, spotify_objects;
