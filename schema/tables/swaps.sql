-- Segments whose remainder is built, or has taken the segment's place: what a run that was interrupted has to end.
CREATE TABLE runfold.swaps (
    from_position bigint NOT NULL,
    to_position bigint NOT NULL,
    state text COLLATE "C" NOT NULL DEFAULT 'built',
    left_events bigint NOT NULL,
    left_streams bigint NOT NULL,
    forgotten bigint NOT NULL,
    CONSTRAINT swaps_pkey PRIMARY KEY (from_position),
    CONSTRAINT swaps_end_after_their_start CHECK (to_position >= from_position),
    CONSTRAINT swaps_state_is_known CHECK (state IN ('built', 'swapped')),
    CONSTRAINT swaps_streams_have_events CHECK (left_streams BETWEEN 0 AND left_events)
);

COMMENT ON TABLE runfold.swaps IS 'Segments of the log that are being replaced by what remains of them.';
COMMENT ON COLUMN runfold.swaps.state IS
    'built: runfold_partitions.remains_… waits to be swapped in; swapped: runfold_partitions.left_… waits to be dropped.';
COMMENT ON COLUMN runfold.swaps.left_events IS 'The events that the remainder does not hold.';
COMMENT ON COLUMN runfold.swaps.forgotten IS 'Up to there the ids of what left are deleted from event_ids.';

GRANT SELECT ON runfold.swaps TO runfold_projector, runfold_operator;
