-- One row per picture of the most played albums and artists of all users.
SELECT 'album' AS object_type, a.spotify_id, a.image_url, played.play_count
FROM (SELECT album_id, sum(play_count) AS play_count
      FROM user_album_stats
      WHERE album_id <> 0
      GROUP BY album_id) AS played
JOIN albums AS a ON a.id = played.album_id
WHERE a.image_url IS NOT NULL
UNION ALL
SELECT 'artist', a.spotify_id, a.image_url, played.play_count
FROM (SELECT artist_id, sum(play_count) AS play_count FROM user_artist_stats GROUP BY artist_id) AS played
JOIN artists AS a ON a.id = played.artist_id
WHERE a.image_url IS NOT NULL
ORDER BY play_count DESC, image_url
LIMIT %(at_most)s
