-- One row per account-data play of an episode or chapter that an extended row has more exactly, one to one: of the same
-- minute (of its upload or of its end) and, as asked for, of the same names or of exactly the same length; the longest
-- first. As events/match_account does for music.
WITH account AS (
    SELECT account_no, played_at AS minute, key.names_key, key.ms_played,
           row_number() OVER (PARTITION BY a.played_at, key.names_key, key.ms_played
                              ORDER BY a.ms_played DESC, a.names COLLATE "C", a.kind) AS place
    FROM account_episodes AS a
    CROSS JOIN LATERAL (SELECT CASE WHEN %(same_names)s THEN a.names_key ELSE '' END AS names_key,
                               CASE WHEN %(same_length)s THEN a.ms_played ELSE 0 END AS ms_played) AS key
    WHERE a.kind IN ('EPISODE', 'CHAPTER') AND NOT is_matched
), extended AS (
    SELECT row_no, key.minute, key.names_key, key.ms_played,
           row_number() OVER (PARTITION BY key.minute, key.names_key, key.ms_played
                              ORDER BY t.ms_played DESC, t.played_at, t.stopped_at, t.names COLLATE "C",
                                       t.kind) AS place
    FROM extended_episodes AS t
    CROSS JOIN LATERAL (SELECT date_trunc('minute', CASE WHEN %(by_upload)s THEN t.stopped_at ELSE t.played_at END)
                                   AS minute,
                               CASE WHEN %(same_names)s THEN t.names_key ELSE '' END AS names_key,
                               CASE WHEN %(same_length)s THEN t.ms_played ELSE 0 END AS ms_played) AS key
    WHERE t.kind IN ('EPISODE', 'CHAPTER') AND NOT is_used
), pairs AS MATERIALIZED (
    SELECT account_no, row_no FROM account JOIN extended USING (minute, names_key, ms_played, place)
), used AS (
    UPDATE extended_episodes AS t SET is_used = true FROM pairs WHERE pairs.row_no = t.row_no
)
UPDATE account_episodes AS a SET is_matched = true FROM pairs WHERE pairs.account_no = a.account_no
