-- events_between: how many events of some types lie between two positions, counted to a limit.
-- Parameters: after, upto, types (text[]), most.
SELECT count(*) FROM (SELECT FROM runfold.events WHERE position > %(after)s AND position <= %(upto)s AND type = ANY (%(types)s)
                       LIMIT %(most)s) AS e
