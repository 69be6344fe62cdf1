-- One row per album or artist whose picture is kept, of those asked for: the key in its address.
SELECT shown.id, kept.key
FROM (SELECT id, image_url FROM albums WHERE %(kind)s = 'album' AND id = ANY (%(ids)s)
      UNION ALL
      SELECT id, image_url FROM artists WHERE %(kind)s = 'artist' AND id = ANY (%(ids)s)) AS shown
JOIN cover_images AS kept USING (image_url)
WHERE kept.content IS NOT NULL
