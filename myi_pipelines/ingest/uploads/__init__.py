"""How uploads get into the warehouse: ``waiting_files`` finds them in the folder, ``landing_files`` lands one file, and
``parallel_reading`` reads its rows. Here ``sources.exports`` and ``warehouse`` meet. Nothing here knows Dagster."""
