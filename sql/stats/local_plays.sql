-- One row per event from two days before the first to two days after the last of the local days.
INSERT INTO local_plays (month, day, hour, track_id, played_at, ms_played)
SELECT date_trunc('month', e.played_at)::date, local.played_at::date, extract(hour FROM local.played_at),
       e.track_id, e.played_at, e.ms_played
FROM listening_events AS e
CROSS JOIN LATERAL (SELECT e.played_at AT TIME ZONE %(timezone)s AS played_at) AS local
WHERE e.user_id = %(user_id)s
  AND e.played_at >= %(first_day)s::timestamptz - interval '2 days'
  AND e.played_at < %(last_day)s::timestamptz + interval '3 days'
