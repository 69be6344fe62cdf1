-- One row per row of the catalog that has become another since catalog_before: its table, and what is wrong with it.
SELECT relation,
       CASE WHEN old.key IS NULL THEN 'missing: ' || new.key || coalesce(' (' || new.name || ')', '')
            WHEN new.key IS NULL THEN 'surplus: ' || old.key || coalesce(' (' || old.name || ')', '')
            ELSE old.key || coalesce(' (' || new.name || ')', '') || ': '
                 || (SELECT string_agg(field.key, ', ' ORDER BY field.key)
                     FROM jsonb_each(old.fields) AS field
                     WHERE field.value IS DISTINCT FROM new.fields -> field.key)
                 || ' not what exports, Spotify and MusicBrainz tell' END
FROM catalog_before AS old
FULL JOIN ({verify/catalog_rows}) AS new USING (relation, key)
WHERE old.fields IS DISTINCT FROM new.fields
ORDER BY relation, key
