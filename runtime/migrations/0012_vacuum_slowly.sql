-- What only grows is vacuumed at a fifth of the usual pace, still some 10 MB of pages a second: each minute or two it rewrote 200 MB a second for
-- some seconds, and at 1,794 messages/s sends were refused meanwhile (2,000 to 7,000 each time; none in 5.5 minutes with this). Set here and not
-- for all tables: those that are updated all the time are not to wait for it. The read models say so for theirs (projections/schema.sql).
ALTER TABLE ledger.events SET (autovacuum_vacuum_cost_limit = 40);
ALTER TABLE search.messages SET (autovacuum_vacuum_cost_limit = 40);
