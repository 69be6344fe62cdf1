-- arriving_plays: one row per distinct play of the upload, with the ids of its names and context. Of rows that differ
-- in their start or context only, the one that tells more counts: see landing/is_richer.
CREATE TEMPORARY TABLE arriving_plays AS
WITH numbered_tracks AS (
    SELECT t.track_no, known.id AS export_track_id
    FROM staged_tracks AS t
    JOIN export_tracks AS known USING (fingerprint)
), numbered_contexts AS (
    SELECT c.context_no, known.id AS context_id, known.fields_given, known.fingerprint
    FROM staged_contexts AS c
    JOIN play_contexts AS known USING (fingerprint)
)
SELECT DISTINCT ON (p.played_at, t.export_track_id, p.ms_played, p.stopped_at)
       p.month, p.played_at, nullif(p.stopped_at, p.played_at) AS stopped_at, t.export_track_id, p.ms_played,
       c.context_id, p.elapsed_s
FROM staged_plays AS p
JOIN numbered_tracks AS t USING (track_no)
LEFT JOIN numbered_contexts AS c USING (context_no)
ORDER BY p.played_at, t.export_track_id, p.ms_played, p.stopped_at,
         p.elapsed_s IS NOT DISTINCT FROM -1, p.elapsed_s DESC NULLS LAST,
         c.fields_given DESC NULLS LAST, c.fingerprint;

CREATE INDEX ON arriving_plays (month);
