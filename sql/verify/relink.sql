-- One row per link of names that are not known: it is deleted.
DELETE FROM export_track_links AS link
WHERE NOT EXISTS (SELECT FROM export_tracks AS e WHERE e.id = link.export_track_id);

-- One row per set of names that mean no track: the catalog takes them in again.
INSERT INTO pending_export_tracks (first_id, last_id)
SELECT e.id, e.id
FROM export_tracks AS e
WHERE NOT EXISTS (SELECT FROM export_track_links AS link WHERE link.export_track_id = e.id)
ORDER BY e.id
ON CONFLICT DO NOTHING
