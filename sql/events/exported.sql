-- One row per play of an export that may be a shown one: the streams of the shown songs, or every stream that is long
-- enough to be shown if the names of a shown track are not known; and account data that no extended row tells, of the
-- shown songs or of equal titles.
SELECT stream_no, NULL::integer AS account_no, s.song_id, coalesce(t.spotify_id, t.name) AS name, NULL::uuid AS title,
       s.played_at, s.ms_played, s.stopped_at, s.elapsed_s, s.before_at
FROM streams AS s
JOIN tracks AS t ON t.id = s.track_id
WHERE s.song_id = ANY (%(songs)s) OR (%(any_nameless)s AND s.ms_played >= %(shown_from_ms)s)
UNION ALL
SELECT NULL, account_no, song_id, track_name || artist_name, title, played_at, ms_played, played_at, NULL, NULL
FROM account_plays
WHERE NOT is_matched AND (song_id = ANY (%(songs)s) OR title = ANY (%(titles)s))
