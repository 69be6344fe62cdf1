-- One row: the tracks that are asked about, as a value that the planner does not see. It would look up each of them in
-- the statistics of every partition, which takes longer than to read their plays.
SELECT %(tracks)s::bigint[]
