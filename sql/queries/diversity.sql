-- One row: how many artists were played, their plays, and the sums that measures of diversity need. For the join see
-- queries/played_artists.
WITH counted AS MATERIALIZED (
    {counted}
), played AS (
    SELECT sum(c.play_count)::double precision AS plays
    FROM counted AS c
    FULL JOIN (SELECT track_id, artist_id
               FROM track_artists
               WHERE track_id = ANY (ARRAY(SELECT track_id FROM counted))) AS credit ON credit.track_id = c.track_id
    GROUP BY credit.artist_id
    HAVING count(credit.artist_id) > 0
)
SELECT count(*) AS artists, coalesce(sum(plays), 0)::bigint AS plays, coalesce(sum(plays * ln(plays)), 0) AS entropy,
       coalesce(sum(plays * plays), 0) AS squares
FROM played
