-- One row per song whose name or first artist changes.
WITH shown AS (
    {songs/shown_names}
)
UPDATE songs
SET name = shown.name, artist = shown.artist
FROM renamed_songs
LEFT JOIN shown USING (song_id)
WHERE songs.id = renamed_songs.song_id
  AND (songs.name, songs.artist) IS DISTINCT FROM (shown.name, shown.artist)
