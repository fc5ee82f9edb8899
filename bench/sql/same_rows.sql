-- How many rows the runner has made, and how many of them ours do not equal.
SELECT (SELECT count(*) FROM runner.node_executions) AS nodes,
       (SELECT count(*) FROM runner.workflow_executions) AS executions,
       (SELECT count(*) FROM (SELECT * FROM runner.node_executions EXCEPT SELECT * FROM public.node_executions) AS d)
     + (SELECT count(*) FROM (SELECT * FROM runner.workflow_executions EXCEPT SELECT * FROM public.workflow_executions) AS d)
       AS different
