-- One row per artist whose genres are not what Spotify or MusicBrainz tells: they are told again.
UPDATE artists AS a
SET genres = latest.genres, updated_at = now()
FROM artist_genres AS latest
WHERE latest.artist_id = a.id AND a.genres <> latest.genres;

-- One row per album whose release date is not what Spotify or MusicBrainz tells: it is told again.
UPDATE albums
SET release_date = told.release_date, updated_at = now()
FROM ({verify/release_dates}) AS told
WHERE albums.id = told.album_id
