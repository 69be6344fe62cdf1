-- One row per row of extended_episodes that does not say what was played, where account data does, one to one: a row
-- of the same minute (of the upload, if it is of the same month, or of the end) and exactly the same length, which no
-- extended row tells.
WITH named AS (
    SELECT minute, ms_played, row_number() OVER (PARTITION BY minute, ms_played) AS place
    FROM (SELECT played_at AS minute, ms_played FROM account_plays WHERE NOT is_matched
          UNION ALL
          SELECT played_at, ms_played FROM account_episodes
          WHERE kind IN ('EPISODE', 'CHAPTER') AND NOT is_matched) AS account
), nameless AS (
    SELECT row_no, minute, ms_played,
           row_number() OVER (PARTITION BY minute, ms_played
                              ORDER BY kind, played_at, stopped_at, names COLLATE "C") AS place
    FROM (SELECT row_no, kind, played_at, stopped_at, names, ms_played,
                 date_trunc('minute', CASE WHEN date_trunc('month', stopped_at) = date_trunc('month', played_at)
                                           THEN stopped_at ELSE played_at END) AS minute
          FROM extended_episodes
          WHERE kind IN ('VIDEO', 'UNIDENTIFIED') AND NOT is_replaced) AS extended
), pairs AS MATERIALIZED (
    SELECT row_no FROM nameless JOIN named USING (minute, ms_played, place)
)
UPDATE extended_episodes AS t SET is_replaced = true FROM pairs WHERE pairs.row_no = t.row_no
