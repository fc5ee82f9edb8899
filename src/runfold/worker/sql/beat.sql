-- beat: the leader lives; publishes the safe head for readers on a replica. No row: another epoch has begun.
-- Parameters: epoch, head.
WITH published AS (
    UPDATE runfold.published_head
       SET position = greatest(position, %(head)s), published_at = clock_timestamp()
     WHERE EXISTS (SELECT FROM runfold.leader WHERE epoch = %(epoch)s)
)
UPDATE runfold.leader SET beat = beat + 1, beat_at = clock_timestamp() WHERE epoch = %(epoch)s RETURNING beat
