-- One row per term and rank of a user's day. Replaces what was listed earlier on that day.
WITH listed AS (
    SELECT term, rank, spotify_id
    FROM unnest(%(term)s::term[], %(rank)s::smallint[], %(spotify_id)s::text[]) AS listed (term, rank, spotify_id)
), removed AS (
    DELETE FROM spotify_top_artist_history AS kept
    WHERE user_id = %(user_id)s AND listed_on = %(listed_on)s
      AND NOT EXISTS (SELECT FROM listed WHERE listed.term = kept.term AND listed.rank = kept.rank)
)
INSERT INTO spotify_top_artist_history (user_id, term, listed_on, rank, spotify_id)
SELECT %(user_id)s, term, %(listed_on)s, rank, spotify_id
FROM listed
ON CONFLICT (user_id, term, listed_on, rank) DO UPDATE SET spotify_id = excluded.spotify_id
