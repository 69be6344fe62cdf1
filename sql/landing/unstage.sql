-- The temporary tables of an upload, if there are any.
DROP TABLE IF EXISTS pg_temp.staged_plays, pg_temp.staged_tracks, pg_temp.staged_contexts, pg_temp.staged_names,
                     pg_temp.arriving_plays
