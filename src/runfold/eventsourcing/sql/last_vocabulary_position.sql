-- last_vocabulary_position: the position of the last event of these categories up to a head. Parameters: head, categories (text[]).
SELECT e.position FROM runfold.events e
 WHERE e.position <= %(head)s AND e.category = ANY (%(categories)s)
 ORDER BY e.position DESC
 LIMIT 1
