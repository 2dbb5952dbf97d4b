-- What waits for delivery and everybody has is a range of seqs, and of those whom the last member sent one more: each is read from
-- an index of its own, and none of what still waits is looked at (workers/retention/due-bodies.ts).
DROP INDEX ledger.temporary_bodies_until_delivered;
CREATE INDEX temporary_bodies_until_delivered ON ledger.temporary_bodies (conversation_id, seq)
  WHERE until_delivered AND gone IS NULL;
CREATE INDEX temporary_bodies_until_delivered_of_sender ON ledger.temporary_bodies (conversation_id, sender_id, seq)
  WHERE until_delivered AND gone IS NULL;
