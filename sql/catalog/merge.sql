-- One row per row that referred to a merged track: from now on it refers to the track that is kept.
UPDATE tracks AS t
SET spotify_id = NULL, merged_into = m.into_id, updated_at = now()
FROM merged_tracks AS m
WHERE t.id = m.track_id OR t.merged_into = m.track_id;

UPDATE export_track_links AS link SET track_id = m.into_id FROM merged_tracks AS m WHERE link.track_id = m.track_id;

UPDATE track_aliases AS alias SET track_id = m.into_id FROM merged_tracks AS m WHERE alias.track_id = m.track_id;

UPDATE spotify_top_tracks AS listed
SET track_id = m.into_id
FROM merged_tracks AS m
WHERE listed.track_id = m.track_id
  AND NOT EXISTS (SELECT FROM spotify_top_tracks AS other
                  WHERE other.user_id = listed.user_id AND other.term = listed.term AND other.rank <> listed.rank
                    AND (other.track_id = m.into_id
                         OR other.rank < listed.rank
                            AND other.track_id IN (SELECT twin.track_id
                                                   FROM merged_tracks AS twin WHERE twin.into_id = m.into_id)));

INSERT INTO rekeyed_tracks (track_id) SELECT DISTINCT into_id FROM merged_tracks ON CONFLICT DO NOTHING;
