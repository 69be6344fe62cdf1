-- One row per artist of `named` and folded title: when it was first released, as MusicBrainz knows it, if one artist
-- has the name. Where several releases have the title, they have to agree, at least on the year.
SELECT a.name_key AS artist_key, song_title(release.title) AS title,
       CASE WHEN min(release.date) = max(release.date) THEN min(release.date)
            WHEN left(min(release.date), 4) = left(max(release.date), 4) THEN left(min(release.date), 4)
       END AS release_date
FROM named
JOIN artists AS a ON a.name_key = named.name_key AND a.is_canonical_for_name
JOIN artist_genres AS g ON g.artist_id = a.id
JOIN musicbrainz_searches AS searched ON searched.object_type = 'artist' AND searched.key = g.searched_key
JOIN musicbrainz_objects AS mb ON mb.object_type = 'artist' AND mb.mbid = searched.mbid
CROSS JOIN LATERAL jsonb_to_recordset(mb.payload -> 'albums') AS release (title text, date text)
WHERE NOT EXISTS (SELECT FROM artists AS other WHERE other.name_key = a.name_key AND NOT other.is_canonical_for_name)
GROUP BY a.name_key, song_title(release.title)
