-- The order in which the steps of the page became known: a digit for each, as mypage_domain::History writes them.
-- Replicas that do not know the column leave it alone; steps that are not in it count as known last, in their own order.
ALTER TABLE my_pages ADD COLUMN step_order TEXT NOT NULL DEFAULT '';
