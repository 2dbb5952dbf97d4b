-- The bodies of temporary conversations, sealed, beside the ledger (whichever is used) until they are due. The ledger has their
-- hashes. A row is durable before its message is; one whose append failed has no message, and is removed by itself.
CREATE TABLE ledger.temporary_bodies (
  conversation_id uuid NOT NULL,
  message_id      bytea NOT NULL,
  -- of the sealed bytes. A message that two nodes handled at once, or that was decided again, was sealed more than once
  body_hash       bytea NOT NULL,
  seq             integer NOT NULL,
  sender_id       text COLLATE "C" NOT NULL,
  until_delivered boolean NOT NULL,
  -- due at the latest then; Unix milliseconds
  expires_at      bigint NOT NULL,
  -- null: destroyed, for the reason in `gone`, and the ledger does not say so yet
  sealed          bytea,
  gone            text COLLATE "C",
  kept_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (conversation_id, message_id, body_hash),
  CHECK ((sealed IS NULL) = (gone IS NOT NULL))
)
-- Rows live shortly, and what is dead should be overwritten soon: the retention worker vacuums by itself.
WITH (autovacuum_vacuum_threshold = 50, autovacuum_vacuum_scale_factor = 0);
-- Sealed bytes do not compress; trying costs time.
ALTER TABLE ledger.temporary_bodies ALTER COLUMN sealed SET STORAGE EXTERNAL;

CREATE INDEX temporary_bodies_due ON ledger.temporary_bodies (expires_at) WHERE gone IS NULL;
CREATE INDEX temporary_bodies_until_delivered ON ledger.temporary_bodies (conversation_id)
  WHERE until_delivered AND gone IS NULL;
CREATE INDEX temporary_bodies_gone ON ledger.temporary_bodies (kept_at) WHERE gone IS NOT NULL;
