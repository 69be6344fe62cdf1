-- One row per album whose release date is not what Spotify or MusicBrainz tells: what they tell, if anything.
SELECT al.id AS album_id, coalesce(o.payload ->> 'release_date', released.release_date) AS release_date
FROM albums AS al
LEFT JOIN spotify_objects AS o ON o.object_type = 'album' AND o.spotify_id = al.spotify_id
LEFT JOIN (
    WITH named AS (SELECT name_key FROM artists WHERE is_canonical_for_name) -- noqa: ST03
    {catalog/first_releases}
) AS released
    ON released.artist_key = al.artist_key AND released.title = song_title(al.name)
WHERE al.release_date IS DISTINCT FROM coalesce(o.payload ->> 'release_date', released.release_date)
