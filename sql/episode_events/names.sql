-- The names that a row e of export_tracks gives, to put rows into an order that is always the same.
ARRAY[coalesce(e.track_name, ''), coalesce(e.artist_name, ''), coalesce(e.album_name, '')]
