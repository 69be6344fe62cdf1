-- One row per rank of "top", a statement that ranks tracks: their names, and their artists'.
SELECT coalesce(tracks.name, tracks.spotify_id) AS name,
       (SELECT string_agg(artists.name, ', ' ORDER BY track_artists.position, artists.name)
        FROM track_artists JOIN artists ON artists.id = track_artists.artist_id
        WHERE track_artists.track_id = tracks.id) AS artist,
       top.play_count, top.total_ms
FROM ({top}) AS top
JOIN tracks ON tracks.id = top.track_id
ORDER BY top.play_count DESC, top.total_ms DESC, top.track_id
