-- One row per row of the catalog that a synchronization derives: the table, the row's key, a name to show, its fields.
SELECT 'tracks' AS relation, t.id::text AS key, t.name,
       to_jsonb(t) - ARRAY['id', 'song_id', 'updated_at'] AS fields
FROM tracks AS t
UNION ALL
SELECT 'artists', a.id::text, a.name, to_jsonb(a) - ARRAY['id', 'genres', 'updated_at']
FROM artists AS a
UNION ALL
SELECT 'albums', al.id::text, al.name, to_jsonb(al) - ARRAY['id', 'release_date', 'updated_at']
FROM albums AS al
UNION ALL
SELECT 'track_artists', c.track_id || ' ' || c.artist_id, t.name, to_jsonb(c)
FROM track_artists AS c
JOIN tracks AS t ON t.id = c.track_id
UNION ALL
SELECT 'export_track_links', link.export_track_id || ' ' || link.track_id, t.name, to_jsonb(link)
FROM export_track_links AS link
JOIN tracks AS t ON t.id = link.track_id
UNION ALL
SELECT 'track_aliases', alias.spotify_id, t.name, to_jsonb(alias)
FROM track_aliases AS alias
JOIN tracks AS t ON t.id = alias.track_id
