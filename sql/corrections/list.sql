-- One row per correction, the oldest first: what it means in the catalog of now, and how many plays it hides.
SELECT c.id, users.name AS "user", c.kind::text AS kind, c.what, c.created_at,
       CASE WHEN c.kind IN ('HIDE_TRACK', 'HIDE_SONG', 'HIDE_PLAY', 'SPLIT_SONG') THEN
                coalesce((SELECT concat_ws(' – ', named.name, named.artist)
                          FROM tracks AS t
                          JOIN named_tracks AS named ON named.id = t.id
                          WHERE t.spotify_id = c.what ->> 'spotify_id'
                             OR t.id = (SELECT alias.track_id FROM track_aliases AS alias
                                        WHERE alias.spotify_id = c.what ->> 'spotify_id')),
                         concat_ws(' – ', c.what ->> 'track', c.what ->> 'artist'))
            WHEN c.kind = 'HIDE_ARTIST' THEN
                coalesce((SELECT name FROM artists AS a WHERE a.spotify_id = c.what ->> 'spotify_id'),
                         c.what ->> 'artist')
            WHEN c.kind = 'HIDE_ALBUM' THEN
                coalesce((SELECT name FROM albums AS a WHERE a.spotify_id = c.what ->> 'spotify_id'),
                         concat_ws(' – ', c.what ->> 'album', c.what ->> 'artist'))
            WHEN c.kind = 'JOIN_SONGS' THEN
                (SELECT string_agg(coalesce((SELECT concat_ws(' – ', named.name, named.artist)
                                             FROM tracks AS t
                                             JOIN named_tracks AS named ON named.id = t.id
                                             WHERE t.spotify_id = joined.track ->> 'spotify_id'
                                                OR t.id = (SELECT alias.track_id FROM track_aliases AS alias
                                                           WHERE alias.spotify_id = joined.track ->> 'spotify_id')),
                                            joined.track ->> 'spotify_id',
                                            concat_ws(' – ', joined.track ->> 'track', joined.track ->> 'artist')),
                                   ' + ' ORDER BY joined.place)
                 FROM jsonb_array_elements(c.what -> 'tracks') WITH ORDINALITY AS joined (track, place))
            WHEN c.kind = 'HIDE_SHOW' THEN
                (SELECT string_agg(show.name, ', ') FROM jsonb_array_elements_text(c.what -> 'shows') AS show (name))
            WHEN c.kind = 'UNDO_IMPORT' THEN
                (SELECT file_name FROM import_jobs WHERE import_jobs.id = (c.what ->> 'job_id')::bigint)
       END AS names,
       user_settings.timezone,
       (SELECT sum(hidden.play_count)
        FROM hidden_track_months AS hidden
        WHERE hidden.user_id = c.user_id
          AND hidden.track_id IN (SELECT track_id FROM hidden_tracks
                                  WHERE hidden_tracks.user_id = c.user_id AND correction_id = c.id)) AS play_count
FROM corrections AS c
JOIN users ON users.id = c.user_id
JOIN user_settings ON user_settings.user_id = c.user_id
WHERE %(user_id)s::bigint IS NULL OR c.user_id = %(user_id)s
ORDER BY c.id
