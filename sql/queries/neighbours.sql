-- One row per track that was played around the latest plays of some tracks, within 20 minutes: how often. The parts are
-- the months of these plays, so that no other is opened.
SELECT near.track_id, count(*) AS play_count
FROM ({parts}) AS near
WHERE near.track_id <> ALL (%(tracks)s)
GROUP BY near.track_id
ORDER BY count(*) DESC, near.track_id
LIMIT %(each)s
