-- One row per link of names that are not known, or not those of a track: it is deleted.
DELETE FROM export_track_links AS link
WHERE NOT EXISTS (SELECT FROM export_tracks AS e WHERE e.id = link.export_track_id AND e.kind = 'TRACK');

-- One row per set of names of a track that mean none: the catalog takes them in again.
INSERT INTO pending_export_tracks (first_id, last_id)
SELECT e.id, e.id
FROM export_tracks AS e
WHERE e.kind = 'TRACK' AND NOT EXISTS (SELECT FROM export_track_links AS link WHERE link.export_track_id = e.id)
ORDER BY e.id
ON CONFLICT DO NOTHING
