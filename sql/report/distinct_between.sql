-- One row: how many tracks and artists were played between two instants.
WITH heard AS (
    SELECT DISTINCT track_id
    FROM listening_events
    WHERE user_id = %(user_id)s AND played_at >= %(since)s AND played_at < %(until)s
)
SELECT (SELECT count(*) FROM heard) AS tracks,
       (SELECT count(DISTINCT artist_id) FROM track_artists JOIN heard USING (track_id)) AS artists
