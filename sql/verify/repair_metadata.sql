-- One row per artist whose genres are not what Spotify or MusicBrainz says: they are written again.
UPDATE artists AS a
SET genres = latest.genres, updated_at = now()
FROM artist_genres AS latest
WHERE latest.artist_id = a.id AND a.genres <> latest.genres;

-- One row per album whose release date is not what Spotify or MusicBrainz says: it is written again.
UPDATE albums
SET release_date = latest.release_date, updated_at = now()
FROM ({verify/release_dates}) AS latest
WHERE albums.id = latest.album_id
