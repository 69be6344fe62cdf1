-- One row: whether the extended history tells, by a row of the same second, the play of a row p of account data without
-- a length, whose track is that of link, in a way that the two can be matched: as music of its song that counts. NULL
-- where no row is of that second.
SELECT bool_or(coalesce(told.ms_played >= %(min_play_ms)s AND told_track.song_id = own.song_id, false))
FROM imported_plays AS told
JOIN tracks AS own ON own.id = link.track_id
LEFT JOIN export_track_links AS told_link ON told_link.export_track_id = told.export_track_id
LEFT JOIN tracks AS told_track ON told_track.id = told_link.track_id
WHERE told.user_id = p.user_id AND told.context_id IS NOT NULL AND told.stopped_at IS NULL
  AND told.played_at >= %(near_start)s AND told.played_at < %(account_data_until)s
  AND told.played_at >= date_trunc('second', p.played_at)
  AND told.played_at < date_trunc('second', p.played_at) + interval '1 second'
