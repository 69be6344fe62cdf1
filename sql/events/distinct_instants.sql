-- One row per play of the relation named plays, which the statement around this one has. Of several plays of a track at
-- one instant, the longest stays at it, the next is put a millisecond later, and so on; exact plays come first.
SELECT user_id, track_id, ms_played, source, is_estimated, context_id, stream_no, shown_no,
       max(played_at - place * interval '1 millisecond')
           OVER (PARTITION BY user_id, track_id ORDER BY place ROWS UNBOUNDED PRECEDING)
       + place * interval '1 millisecond' AS played_at
FROM (SELECT user_id, track_id, played_at, ms_played, source, is_estimated, context_id, stream_no, shown_no,
             row_number() OVER (PARTITION BY user_id, track_id ORDER BY played_at, exactness, ms_played DESC) AS place
      FROM plays) AS placed
