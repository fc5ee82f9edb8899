-- The failures that are most similar to one, of a table of a projection of failures.
-- Parameters: user, vector, hash, threshold, limit; in braces: table.
SELECT f.message, f.occurrences, f.first_seen, f.last_seen, f.last_stream_id,
       runfold.cosine_similarity(f.embedding, %(vector)s) AS similarity, f.message_hash = %(hash)s AS same
  FROM {table} f
 WHERE f.user_id = %(user)s AND runfold.cosine_similarity(f.embedding, %(vector)s) >= %(threshold)s
 ORDER BY similarity DESC, f.message_hash
 LIMIT %(limit)s
