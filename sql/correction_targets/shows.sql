-- At most one row: the names of a show, or audiobook, of which the user has plays: those of all of its episodes that
-- ever had the name that is asked for.
WITH named AS (
    SELECT id, kind, spotify_id, CASE kind WHEN 'CHAPTER' THEN album_name ELSE artist_name END AS show,
           CASE kind WHEN 'CHAPTER' THEN album_key ELSE artist_key END AS show_key
    FROM export_tracks
    WHERE kind <> 'TRACK'
), asked AS MATERIALIZED (
    SELECT DISTINCT other.id, other.show
    FROM named
    JOIN named AS other ON other.id = named.id OR (other.kind = named.kind AND other.spotify_id = named.spotify_id)
    WHERE named.show_key = name_key(%(name)s) AND other.show IS NOT NULL
)
SELECT array_agg(DISTINCT asked.show ORDER BY asked.show) AS shows, sum(played.play_count)::bigint AS play_count
FROM asked
LEFT JOIN (SELECT export_track_id, count(*) AS play_count
           FROM imported_plays
           WHERE user_id = %(user_id)s AND export_track_id IN (SELECT id FROM asked)
           GROUP BY export_track_id) AS played ON played.export_track_id = asked.id
HAVING sum(played.play_count) > 0
