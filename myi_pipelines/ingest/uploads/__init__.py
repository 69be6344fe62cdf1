"""How uploads come in: `uploads` finds what waits in the folder, `files` lands one file, whose rows `reading` reads,
`importing` is `myi import`. Where ``history`` and ``warehouse`` meet; only `importing` knows Dagster."""
