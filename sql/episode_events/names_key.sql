-- The names under which an episode or chapter e meets account data: the episode and its show; of a chapter the book,
-- because titles of chapters are rarely given.
CASE e.kind WHEN 'EPISODE' THEN e.track_key::text || e.artist_key::text WHEN 'CHAPTER' THEN e.album_key::text END
