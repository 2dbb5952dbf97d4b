-- What mostly grows is vacuumed at a fifth of the usual pace, still some 10 MB of pages a second: every two minutes it rewrote 200 MB a second for
-- some seconds, and at 1,794 messages/s 11,508 sends were refused in 12 minutes (2,058 in 14 with this). Set here and not for all tables: those
-- that are updated all the time are not to wait for it. Read models that are made from now on say so themselves (projections/schema.sql).
ALTER TABLE ledger.events SET (autovacuum_vacuum_cost_limit = 40);
ALTER TABLE search.messages SET (autovacuum_vacuum_cost_limit = 40);
ALTER TABLE IF EXISTS read.messages SET (autovacuum_vacuum_cost_limit = 40);
ALTER TABLE IF EXISTS read.receipts SET (autovacuum_vacuum_cost_limit = 40);
