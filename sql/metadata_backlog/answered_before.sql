-- At most one row: the Spotify id of the object of a type that Spotify answered last.
SELECT spotify_id
FROM spotify_objects
WHERE object_type = %(object_type)s AND is_full AND NOT is_gone
ORDER BY fetched_at DESC
LIMIT 1
