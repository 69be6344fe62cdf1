-- catalog_before: one row per row of the catalog as it is. See verify/catalog_rows.
CREATE TEMPORARY TABLE catalog_before ON COMMIT DROP AS
{verify/catalog_rows}
