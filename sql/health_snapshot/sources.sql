-- One row per source: its listening events.
SELECT source.name, coalesce(counted.plays, 0) AS plays
FROM unnest(enum_range(NULL::source)) AS source (name)
LEFT JOIN (SELECT source, count(*) AS plays FROM listening_events GROUP BY source) AS counted
       ON counted.source = source.name
ORDER BY source.name
