COPY staged_contexts (
    context_no, platform, country, reason_start, reason_end, shuffle, skipped, offline, incognito
) FROM STDIN
