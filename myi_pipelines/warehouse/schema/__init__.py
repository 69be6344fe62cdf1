"""The schema: its migrations, the takeover of a warehouse of version 0.1, and what each table looks like."""
