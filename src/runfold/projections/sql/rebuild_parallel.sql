-- rebuild_parallel: lets the session that leads a rebuild count and compare in parallel. Parameters: workers, beside itself.
SELECT set_config('max_parallel_workers_per_gather', %(workers)s, false)
