-- Who asked; NULL if that is not known, as the fleet ran open. Replicas that do not know the column leave it alone.
-- On PostgreSQL the reads of the version before (SELECT *) fail on connections that were open when this ran.
ALTER TABLE matches ADD COLUMN student TEXT;
CREATE INDEX matches_of_student ON matches (student, id) WHERE student IS NOT NULL AND phase = 'established';
