-- One row per artist of whom Spotify tells no genres and MusicBrainz is to be asked: those that were never looked for,
-- or found and not fetched yet, before those that are due again, or whose recordings were not asked for while lengths
-- of tracks are unknown; the most played first, and last those for whom the latest call failed, which wait for a while.
-- Each has songs to find it by, with lengths that are not MusicBrainz' own.
WITH played AS (
    SELECT artist_id, sum(play_count) AS plays FROM user_artist_stats GROUP BY artist_id
), due AS (
    SELECT a.id, a.name, a.name_key, coalesce(a.spotify_id, a.name_key::text) AS key, searched.key AS searched_key,
           searched.mbid, played.plays, failure.failed_at, mb.fetched_at IS NOT NULL AND mb.length_keys IS NULL
           AND EXISTS (SELECT FROM track_artists AS credit
                       JOIN tracks AS t ON t.id = credit.track_id
                       WHERE credit.artist_id = a.id AND t.artist_key = a.name_key AND t.name IS NOT NULL
                         AND t.duration_ms IS NULL AND t.merged_into IS NULL) AS lacks_recordings,
           coalesce(mb.fetched_at, CASE WHEN searched.mbid IS NULL THEN searched.searched_at END) AS answered_at
    FROM played
    JOIN artists AS a ON a.id = played.artist_id
    JOIN artist_genres AS g ON g.artist_id = a.id
    LEFT JOIN musicbrainz_searches AS searched ON searched.object_type = 'artist' AND searched.key = g.searched_key
    LEFT JOIN musicbrainz_objects AS mb ON mb.object_type = 'artist' AND mb.mbid = searched.mbid
    LEFT JOIN spotify_objects AS o ON o.object_type = 'artist' AND o.spotify_id = a.spotify_id
    LEFT JOIN musicbrainz_failures AS failure
        ON failure.key = coalesce(a.spotify_id, a.name_key::text)
        AND failure.failed_at >= coalesce(mb.fetched_at, searched.searched_at, '-infinity')
    WHERE played.plays > 0 AND NOT coalesce(o.payload ? 'genres', false)
      AND a.name IS NOT NULL AND a.name_key <> name_key('Various Artists')
), chosen AS (
    SELECT *
    FROM due
    WHERE (answered_at IS NULL OR lacks_recordings
           OR answered_at < CASE WHEN mbid IS NULL THEN %(not_found_before)s ELSE %(fetched_before)s END::timestamptz)
      AND (failed_at IS NULL OR failed_at <= %(failed_before)s)
    ORDER BY failed_at IS NOT NULL, answered_at IS NOT NULL, plays DESC, key COLLATE "C"
    LIMIT %(limit)s
)
SELECT chosen.key, chosen.name, chosen.searched_key, chosen.mbid,
       chosen.name_key IN (SELECT al.artist_key
                           FROM albums AS al
                           LEFT JOIN spotify_objects AS o ON o.object_type = 'album' AND o.spotify_id = al.spotify_id
                           WHERE al.artist_key IS NOT NULL AND NOT coalesce(o.payload ? 'release_date', false))
           AS has_undated_albums,
       EXISTS (SELECT FROM track_artists AS credit
               JOIN tracks AS t ON t.id = credit.track_id
               LEFT JOIN spotify_objects AS o ON o.object_type = 'track' AND o.spotify_id = t.spotify_id
               WHERE credit.artist_id = chosen.id AND t.artist_key = chosen.name_key AND t.name IS NOT NULL
                 AND t.merged_into IS NULL AND NOT coalesce(o.payload ? 'duration_ms', false)) AS has_unknown_lengths,
       coalesce(asked.songs, '[]') AS songs
FROM chosen
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object('title', best.name, 'plain_title', song_title(best.name), 'album', albums.name,
                                        'isrc', best.isrc, 'duration_ms', o.payload -> 'duration_ms',
                                        'is_solo', (SELECT count(*) = 1 FROM track_artists AS c
                                                    WHERE c.track_id = best.id))
                     ORDER BY best.position, best.plays DESC, best.id) AS songs
    FROM (SELECT *
          FROM (SELECT DISTINCT ON (t.song_id)
                       t.id, t.spotify_id, t.name, t.isrc, t.album_id, least(credit.position, 1) AS position,
                       coalesce(heard.plays, 0) AS plays
                FROM track_artists AS credit
                JOIN tracks AS t ON t.id = credit.track_id
                LEFT JOIN LATERAL (SELECT sum(s.play_count) AS plays
                                   FROM user_track_stats AS s
                                   WHERE s.track_id = t.id) AS heard ON true
                WHERE credit.artist_id = chosen.id AND t.merged_into IS NULL AND t.name IS NOT NULL
                ORDER BY t.song_id, t.isrc IS NULL, heard.plays DESC NULLS LAST, t.id) AS recordings
          ORDER BY position, plays DESC, id
          LIMIT %(songs)s) AS best
    LEFT JOIN spotify_objects AS o ON o.object_type = 'track' AND o.spotify_id = best.spotify_id
    LEFT JOIN albums ON albums.id = best.album_id) AS asked ON true
ORDER BY failed_at IS NOT NULL, answered_at IS NOT NULL, plays DESC, key COLLATE "C"
