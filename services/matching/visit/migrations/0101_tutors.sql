-- Which tutor has confirmed; NULL if that is not known, as the fleet ran open. Replicas that do not know the column leave
-- it alone.
-- On PostgreSQL the reads of the version before (SELECT *) fail on connections that were open when this ran.
ALTER TABLE cases ADD COLUMN tutor TEXT;
CREATE INDEX cases_of_tutor ON cases (tutor, match_id) WHERE tutor IS NOT NULL AND teacher IS NOT NULL;
