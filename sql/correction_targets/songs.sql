-- One row: of how many songs tracks are, given by Spotify id or by the names of account data.
SELECT count(DISTINCT t.song_id)
FROM unnest(%(spotify_ids)s::text[], %(tracks)s::text[], %(artists)s::text[]) AS asked (spotify_id, track, artist)
JOIN tracks AS t ON t.spotify_id = asked.spotify_id
                 OR t.id IN (SELECT alias.track_id FROM track_aliases AS alias
                             WHERE alias.spotify_id = asked.spotify_id)
                 OR (asked.spotify_id IS NULL
                     AND t.id IN (SELECT link.track_id
                                  FROM export_tracks AS e
                                  JOIN export_track_links AS link ON link.export_track_id = e.id
                                  WHERE e.spotify_id IS NULL AND e.track_key = name_key(asked.track)
                                    AND e.artist_key = name_key(asked.artist)))
