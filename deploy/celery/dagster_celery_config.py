"""What `celery --app dagster_celery.app` adds to its own settings, when this folder is on PYTHONPATH."""

import os

broker_url = result_backend = os.environ["DAGSTER_CELERY_URL"]
broker_connection_retry_on_startup = True
result_expires = 86_400
worker_disable_prefetch = True  # a run waits in the queue, for whichever worker is free first
worker_max_tasks_per_child = 20  # what runs leave in memory is gone now and then
