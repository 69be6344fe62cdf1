"""What `celery --app dagster_celery.app` adds to its own settings, when this folder is on PYTHONPATH."""

from myi_pipelines.runtime.database_urls import celery_url
from myi_pipelines.runtime.servers import servers_of
from myi_pipelines.settings import load_settings

broker_url = result_backend = celery_url(servers_of(load_settings()).redis_url)
broker_connection_retry_on_startup = True
result_expires = 86_400
worker_disable_prefetch = True  # a run waits in the queue, for whichever worker is free first
worker_max_tasks_per_child = 20  # what runs leave in memory is gone now and then
