-- One row: the month that is archived.
INSERT INTO archived_months
    (month, part, folder, manifest_sha256, imported_plays, polled_plays, listening_events, bytes)
VALUES (%(month)s, %(part)s, %(folder)s, %(manifest_sha256)s, %(imported_plays)s, %(polled_plays)s,
        %(listening_events)s, %(bytes)s)
