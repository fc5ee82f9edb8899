-- The newest summary, and the newest messages after it that fit into the tokens that it leaves: one row at least.
-- Parameters: user, session, max_tokens, max_messages.
SELECT s.id AS summary_id, s.session_id AS summary_session_id, s.sequence AS summary_sequence,
       s.summary AS summary_summary, s.key_points AS summary_key_points, s.entities AS summary_entities,
       s.topics AS summary_topics, s.summary_type AS summary_summary_type, s.message_count AS summary_message_count,
       s.upto_index AS summary_upto_index,
       s.token_count AS summary_token_count, s.model_used AS summary_model_used,
           s.confidence_score AS summary_confidence_score, s.previous_summary_id AS summary_previous_summary_id,
           s.created_at AS summary_created_at,
       m.id AS message_id, m.session_id AS message_session_id, m.message_index AS message_message_index,
           m.role AS message_role, m.content AS message_content, m.metadata AS message_metadata,
           m.tokens_count AS message_tokens_count, m.timestamp AS message_timestamp,
           m.expires_at AS message_expires_at
  FROM (SELECT) AS one
  LEFT JOIN LATERAL (
      SELECT * FROM public.conversation_summaries c
       WHERE c.user_id = %(user)s AND c.session_id = %(session)s
       ORDER BY c.sequence DESC
       LIMIT 1) AS s ON true
  LEFT JOIN LATERAL (
      SELECT w.*, sum(coalesce(w.tokens_count, (length(w.content) + 3) / 4))
                      OVER (ORDER BY w.message_index DESC ROWS UNBOUNDED PRECEDING) AS tokens
        FROM (SELECT b.* FROM public.conversation_buffers b
               WHERE b.user_id = %(user)s AND b.session_id = %(session)s AND b.message_index > coalesce(s.upto_index,
                   0)
                 AND (b.expires_at IS NULL OR b.expires_at > now())
               ORDER BY b.message_index DESC
               LIMIT %(max_messages)s) AS w) AS m ON m.tokens + coalesce(s.token_count, 0) <= %(max_tokens)s
 ORDER BY m.message_index
