-- One row per account-data play that does not say what was played, where any other row of the same minute and exactly
-- the same length tells it: of the extended history, or of account data that names it.
UPDATE account_episodes AS a
SET is_matched = true
WHERE a.kind IN ('VIDEO', 'UNIDENTIFIED')
  AND (a.played_at, a.ms_played) IN (
      SELECT date_trunc('minute', stopped_at), ms_played FROM extended_plays
      UNION ALL
      SELECT date_trunc('minute', played_at), ms_played FROM extended_plays
      UNION ALL
      SELECT date_trunc('minute', stopped_at), ms_played FROM extended_episodes
      UNION ALL
      SELECT date_trunc('minute', played_at), ms_played FROM extended_episodes
      UNION ALL
      SELECT played_at, ms_played FROM account_plays
      UNION ALL
      SELECT played_at, ms_played FROM account_episodes WHERE kind IN ('EPISODE', 'CHAPTER'))
