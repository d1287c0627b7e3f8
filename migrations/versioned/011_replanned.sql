-- Most of what happens to a bag leaves its plan, its tags and its passenger as they were, also where it is no event: a
-- flight that leaves. What waits from before may be of anything.
ALTER TABLE outbox ADD COLUMN replanned boolean NOT NULL DEFAULT true;
ALTER TABLE outbox ALTER COLUMN replanned SET DEFAULT false;
