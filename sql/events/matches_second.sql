-- One row: whether the extended history tells, by a row of the same second, the play of a row p of account data without
-- a length, whose track is that of link, in a way that the two can be matched: as music of its song that counts. NULL
-- where no row is of that second.
SELECT bool_or(coalesce(extended.ms_played >= %(min_play_ms)s AND extended_track.song_id = own.song_id, false))
FROM imported_plays AS extended
JOIN tracks AS own ON own.id = link.track_id
LEFT JOIN export_track_links AS extended_link ON extended_link.export_track_id = extended.export_track_id
LEFT JOIN tracks AS extended_track ON extended_track.id = extended_link.track_id
WHERE extended.user_id = p.user_id AND extended.context_id IS NOT NULL AND extended.stopped_at IS NULL
  AND extended.played_at >= %(near_start)s AND extended.played_at < %(account_data_until)s
  AND extended.played_at >= date_trunc('second', p.played_at)
  AND extended.played_at < date_trunc('second', p.played_at) + interval '1 second'
