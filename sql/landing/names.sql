-- staged_names: one row per distinct names of the upload, in one of several parts, those of one id in the same one; and
-- one row per context that landing does not have yet.
INSERT INTO play_contexts (platform, country, reason_start, reason_end, shuffle, skipped, offline, incognito)
SELECT DISTINCT ON (s.fingerprint)
       s.platform, s.country, s.reason_start, s.reason_end, s.shuffle, s.skipped, s.offline, s.incognito
FROM staged_contexts AS s
WHERE NOT EXISTS (SELECT FROM play_contexts AS known WHERE known.fingerprint = s.fingerprint)
ORDER BY s.fingerprint
ON CONFLICT (fingerprint) DO NOTHING;

ANALYZE staged_tracks (track_no, fingerprint), staged_contexts (context_no, fingerprint);

CREATE TEMPORARY TABLE staged_names AS
SELECT t.fingerprint, min(t.track_no) AS track_no, max(latest.played_at) AS last_played_at,
       mod(abs(hashtext(min(coalesce(t.spotify_id, t.artist_name, t.track_name, '')))::bigint), {part_count}) AS part
FROM staged_tracks AS t
JOIN (SELECT track_no, max(played_at) AS played_at FROM staged_plays GROUP BY track_no) AS latest USING (track_no)
GROUP BY t.fingerprint
ORDER BY t.fingerprint;
