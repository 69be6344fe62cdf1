-- One row per local year with plays: as queries/diversity.
WITH plays AS (
    {queries/plays_by_year}
), played AS (
    SELECT plays.year, sum(plays.play_count)::double precision AS plays
    FROM plays
    JOIN (SELECT track_id, artist_id
          FROM track_artists
          WHERE track_id = ANY (ARRAY(SELECT track_id FROM user_track_stats WHERE user_id = %(user_id)s))) AS credit
        ON credit.track_id = plays.track_id
    GROUP BY plays.year, credit.artist_id
    HAVING sum(plays.play_count) > 0
)
SELECT year, count(*) AS artists, sum(plays)::bigint AS plays, sum(plays * ln(plays)) AS entropy,
       sum(plays * plays) AS squares
FROM played
GROUP BY year
ORDER BY year
