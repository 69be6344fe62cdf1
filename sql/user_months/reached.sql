-- One row per month that a change reaches: the months of the change itself (is_own), and those in whose match window it
-- lies, before or after it (is_after), where plays may now match differently. The statement around this one names the
-- change: from change.starts_at to change.ends_at, which are equal for a single play.
SELECT month::date AS month,
       month = date_trunc('month', change.starts_at) OR (month > change.starts_at AND month < change.ends_at) AS is_own,
       month > change.starts_at AS is_after
FROM generate_series(date_trunc('month', change.starts_at - %(match_window)s),
                     date_trunc('month', change.ends_at + %(match_window)s), interval '1 month') AS month
