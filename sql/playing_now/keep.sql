-- One row per user: what is playing. The same again does not begin anew, unless it was over.
INSERT INTO playing_now AS known (user_id, track_metadata, ends_at)
VALUES (%(user_id)s, %(track_metadata)s, now() + %(seconds)s * interval '1 second')
ON CONFLICT (user_id) DO UPDATE
SET track_metadata = excluded.track_metadata, since = excluded.since, ends_at = excluded.ends_at
WHERE known.ends_at <= now()
      OR (known.track_metadata ->> 'track_name', known.track_metadata ->> 'artist_name')
      IS DISTINCT FROM (excluded.track_metadata ->> 'track_name', excluded.track_metadata ->> 'artist_name')
