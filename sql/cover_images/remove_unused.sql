-- One row per kept picture that is no longer one of the most played.
DELETE FROM cover_images
WHERE image_url NOT IN (SELECT image_url FROM ({cover_images/shown}) AS shown)
