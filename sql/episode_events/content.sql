-- One row: what a row e of export_tracks played. Its id is its Spotify id, which outlives names, or else its names.
-- names_key: the names under which an episode or chapter meets account data: the episode and its show; of a chapter the
-- book, because titles of chapters are rarely given. names: all of them, to put rows into an order that is always the
-- same.
SELECT hashtextextended(coalesce(e.spotify_id, concat_ws(' ', e.kind::text, coalesce(e.track_key::text, '-'),
                                                         coalesce(e.artist_key::text, '-'),
                                                         coalesce(e.album_key::text, '-'))), 0) AS id,
       CASE e.kind WHEN 'EPISODE' THEN e.track_key::text || e.artist_key::text
                   WHEN 'CHAPTER' THEN e.album_key::text END AS names_key,
       ARRAY[coalesce(e.track_name, ''), coalesce(e.artist_name, ''), coalesce(e.album_name, '')] AS names
