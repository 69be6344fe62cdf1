-- One row per MusicBrainz artist who plays one of the found recordings, if the recording is the song that was asked for
-- and the artist has the name: whether more than title and artist say so.
SELECT credit.mbid,
       bool_or(%(by_isrc)s OR recording.length_ms IS NOT NULL AND %(duration_ms)s::integer IS NOT NULL
               OR song_title(%(album)s) IN (SELECT song_title(release) FROM unnest(recording.releases) AS release))
           AS is_confirmed
FROM jsonb_to_recordset(%(recordings)s) AS recording (title text, length_ms integer, artists jsonb, releases text[])
CROSS JOIN LATERAL jsonb_to_recordset(recording.artists) AS credit (mbid uuid, names text[])
CROSS JOIN LATERAL (
    SELECT song_text(%(artist)s) IN (SELECT song_text(name) FROM unnest(credit.names) AS name) AS is_named,
           song_title(recording.title) = song_title(%(title)s) AS is_titled) AS compared
WHERE CASE WHEN %(by_isrc)s
           THEN is_named OR is_titled AND %(is_solo)s AND jsonb_array_length(recording.artists) = 1
           ELSE is_named AND is_titled
                AND coalesce(abs(recording.length_ms - %(duration_ms)s::integer) <= %(tolerance_ms)s, true) END
GROUP BY credit.mbid
