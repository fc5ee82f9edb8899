-- Wake who waits for the log, at the commit. An idle worker or subscriber holds a lock and sleeps; a busy one will look again by
-- itself. NOTIFY in every append would cost a third of the throughput and forbid PREPARE TRANSACTION; `SET runfold.wake = off`
-- forgoes it. One worker is idle, so it holds its lock exclusively and we try it shared. Many subscribers are, so they share one
-- lock and we try it exclusively, for a moment: an append that finds another's moment notifies in vain. A subscriber that goes to
-- sleep now sees our fence, and looks again.
IF coalesce(current_setting('runfold.wake', true), '') <> 'off'
   AND (NOT pg_try_advisory_xact_lock_shared('runfold.events'::regclass::oid::bigint::bit(32)::integer, 1)
        OR NOT CASE WHEN pg_try_advisory_lock('runfold.events'::regclass::oid::bigint::bit(32)::integer, 6)
                    THEN pg_advisory_unlock('runfold.events'::regclass::oid::bigint::bit(32)::integer, 6)
                    ELSE false END)
   -- Somebody else's full queue would fail this append at its commit; who is not woken looks again by itself, a moment later.
   AND pg_notification_queue_usage() < 0.5 THEN
    PERFORM pg_notify('runfold_events', '');
END IF;
