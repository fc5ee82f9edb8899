-- barrier_cuts: cuts a batch before and after its barriers; barriers that follow each other directly stay together.
-- Parameters: after, upto, types (text[]), barriers (text[]). The relation of events and the line on parked streams are put in by the runner.
-- Returns, in order, the last position of each part and the types that occur in it.
SELECT max(r.position), array_agg(DISTINCT r.type)
  FROM (SELECT e.position, e.type,
               row_number() OVER (ORDER BY e.position)
               - row_number() OVER (PARTITION BY e.type = ANY (%(barriers)s) ORDER BY e.position) AS run,
               e.type = ANY (%(barriers)s) AS barrier
          FROM {events} e
         WHERE e.position > %(after)s AND e.position <= %(upto)s AND e.type = ANY (%(types)s)
           AND {streams}) AS r
 GROUP BY r.barrier, r.run
 ORDER BY 1
