-- The temporary tables of stats/workspace, emptied.
TRUNCATE changed_tracks, touched_artists, touched_songs, touched_albums, fresh_buckets, fresh_hour_months,
         fresh_month_contexts, fresh_month_edges
