-- What people were asked, and how long the execution waited
SELECT i.request_data ->> 'question' AS question, i.responder,
       i.response_data ->> 'approved' AS approved,
       round(extract(epoch FROM p.resumed_at - p.paused_at), 1) AS waited_s
  FROM human_interactions i
  JOIN workflow_execution_pauses p ON p.interaction_id = i.id
