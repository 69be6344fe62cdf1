-- One row: the instants at which two local days begin.
SELECT %(first)s::timestamp AT TIME ZONE %(timezone)s AS since, %(last)s::timestamp AT TIME ZONE %(timezone)s AS until
