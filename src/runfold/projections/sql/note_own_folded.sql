-- note_own_folded: notes how far a user's group is folded into its shadows; false where they stood elsewhere.
-- Parameters: group, after, upto.
SELECT runfold.note_own_folded(%(group)s, %(after)s, %(upto)s)
