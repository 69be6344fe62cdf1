-- One row per picture that is to be kept and is not, the most played first. address: the smallest size that has as many
-- pixels as wanted, or the largest. A picture that could not be fetched is asked for again after a while.
SELECT shown.image_url, coalesce(size.url, shown.image_url) AS address
FROM ({cover_images/shown}) AS shown
LEFT JOIN cover_images AS kept USING (image_url)
LEFT JOIN spotify_objects AS o USING (object_type, spotify_id)
LEFT JOIN LATERAL (
    SELECT image ->> 'url' AS url
    FROM jsonb_array_elements(o.payload -> 'images') AS image
    CROSS JOIN LATERAL (SELECT CASE WHEN jsonb_typeof(image -> 'width') = 'number'
                                    THEN (image ->> 'width')::numeric END AS width) AS of_image
    WHERE of_image.width >= %(pixels)s
    ORDER BY of_image.width
    LIMIT 1) AS size ON true
WHERE kept.image_url IS NULL OR (kept.content IS NULL AND kept.fetched_at < %(failed_before)s)
ORDER BY shown.play_count DESC, shown.image_url
LIMIT %(each)s
