-- One row per event of the user that ends between two instants, of any track or of the named ones, in order.
SELECT t.spotify_id, landed.track_name AS track, landed.artist_name AS artist, named.name, named.artist AS by_artist,
       e.played_at, e.ms_played
FROM listening_events AS e
JOIN tracks AS t ON t.id = e.track_id
JOIN named_tracks AS named ON named.id = t.id
LEFT JOIN LATERAL (SELECT names.track_name, names.artist_name
                   FROM export_track_links AS link
                   JOIN export_tracks AS names ON names.id = link.export_track_id
                   WHERE link.track_id = t.id AND names.spotify_id IS NULL
                   ORDER BY names.id
                   LIMIT 1) AS landed ON t.spotify_id IS NULL
WHERE e.user_id = %(user_id)s AND e.played_at >= %(starts_at)s AND e.played_at < %(ends_at)s
  AND (%(spotify_id)s::text IS NULL OR t.spotify_id = %(spotify_id)s
       OR EXISTS (SELECT FROM track_aliases AS alias
                  WHERE alias.track_id = t.id AND alias.spotify_id = %(spotify_id)s))
  AND (%(name)s::text IS NULL OR name_key(t.name) = name_key(%(name)s))
ORDER BY e.played_at, t.id
