-- One row: how many different songs, tracks, artists and albums were played.
WITH counted AS MATERIALIZED (
    {counted}
), linked AS MATERIALIZED (
    SELECT song_id, album_id FROM tracks WHERE id = ANY (ARRAY(SELECT track_id FROM counted))
)
SELECT (SELECT count(DISTINCT song_id) FROM linked) AS songs,
       (SELECT count(*) FROM counted) AS tracks,
       (SELECT count(DISTINCT artist_id) FROM track_artists
        WHERE track_id = ANY (ARRAY(SELECT track_id FROM counted))) AS artists,
       (SELECT count(DISTINCT album_id) FROM linked) AS albums
