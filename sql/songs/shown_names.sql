-- One row per song of renamed_songs that has a name: the name and the first artist to show. Of all names of its tracks
-- the shortest title is shown, of equally long ones the greatest; one by "Various Artists", or by nobody, only where
-- there is no other.
SELECT DISTINCT ON (song_id) song_id, name, artist
FROM (SELECT t.song_id, e.track_name AS name, e.artist_name AS artist
      FROM renamed_songs
      JOIN tracks AS t USING (song_id)
      JOIN export_track_links AS link ON link.track_id = t.id
      JOIN export_tracks AS e ON e.id = link.export_track_id
      WHERE e.track_name IS NOT NULL
      UNION ALL
      SELECT t.song_id, o.payload ->> 'name', o.payload #>> '{artists,0,name}'
      FROM renamed_songs
      JOIN tracks AS t USING (song_id)
      JOIN spotify_objects AS o ON o.object_type = 'track' AND o.spotify_id = t.spotify_id
      WHERE o.payload ->> 'name' IS NOT NULL) AS names
ORDER BY song_id, (artist IS NULL OR name_key(artist) = name_key('Various Artists')), length(name),
         name COLLATE "C" DESC, artist COLLATE "C" DESC NULLS LAST
