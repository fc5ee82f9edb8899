-- watch_leader: the pulse of the leader, for who waits to lead.
SELECT epoch, beat FROM runfold.leader
