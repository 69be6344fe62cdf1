-- One row: the user who stays, with the name of the one merged into, and what was known of either account. The other
-- user goes, and with it what is derived and what both had.
WITH gone AS (
    DELETE FROM users WHERE id = %(gone)s
    RETURNING id, name, shares_name, former_names, former_ids, spotify_id, spotify_account_id, display_name,
              last_ingested_at, top_stats_refreshed_at, last_active_at, created_at
)
UPDATE users AS kept
SET name = CASE WHEN gone.id = %(target)s THEN gone.name ELSE kept.name END,
    former_names = kept.former_names || gone.former_names
                   || CASE WHEN gone.id = %(target)s THEN kept.name ELSE gone.name END,
    former_ids = kept.former_ids || gone.former_ids || gone.id,
    shares_name = CASE WHEN gone.id = %(target)s THEN gone.shares_name ELSE kept.shares_name END,
    spotify_id = coalesce(kept.spotify_id, gone.spotify_id),
    spotify_account_id = CASE WHEN kept.spotify_id IS NULL THEN gone.spotify_account_id
                              ELSE kept.spotify_account_id END,
    display_name = CASE WHEN kept.spotify_id IS NULL THEN gone.display_name ELSE kept.display_name END,
    last_ingested_at = greatest(kept.last_ingested_at, gone.last_ingested_at),
    top_stats_refreshed_at = greatest(kept.top_stats_refreshed_at, gone.top_stats_refreshed_at),
    last_active_at = greatest(kept.last_active_at, gone.last_active_at),
    created_at = least(kept.created_at, gone.created_at)
FROM gone
WHERE kept.id = %(kept)s
