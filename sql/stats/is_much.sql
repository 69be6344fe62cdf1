-- One row: whether a number of changed rows is more than a fiftieth of user_track_stats, as far as the planner knows.
SELECT reltuples < 50 * %(changed)s FROM pg_class WHERE oid = 'user_track_stats'::regclass
