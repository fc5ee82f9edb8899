-- sync_workflows: copies workflow_status to the workflows that were locked or not yet committed when it changed.
SELECT runfold.sync_workflows() WHERE EXISTS (SELECT FROM runfold.stale_workflows)
