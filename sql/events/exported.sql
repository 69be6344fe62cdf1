-- One row per play of an export that may be a shown one: the streams of the shown songs, or every stream that is long
-- enough to be shown if the names of a shown track are not known; and account data that no extended row tells.
SELECT stream_no, NULL::integer AS account_no, s.song_id, coalesce(t.spotify_id, t.name) AS name, s.played_at,
       s.ms_played, s.stopped_at, s.elapsed_s, s.before_at
FROM streams AS s
JOIN tracks AS t ON t.id = s.track_id
WHERE s.song_id = ANY (%(songs)s) OR (%(any_nameless)s AND s.ms_played >= %(shown_from_ms)s)
UNION ALL
SELECT NULL, account_no, song_id, a.track_name || a.artist_name, played_at, ms_played, played_at, NULL, NULL
FROM account_plays AS a
WHERE NOT is_told AND song_id = ANY (%(songs)s)
