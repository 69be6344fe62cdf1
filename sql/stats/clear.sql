-- The temporary tables of stats/workspace, emptied.
TRUNCATE changed_tracks, touched_artists, touched_songs, touched_albums, fresh_buckets, fresh_hour_months,
         changed_hours, fresh_month_contexts, changed_contexts, fresh_month_edges
