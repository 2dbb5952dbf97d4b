-- What came into the read models after its time: a conversation was parked, devices went on meanwhile, and it was freed. Who has kept
-- something between the two positions may not have been sent it (api/gateway/freed.ts). A row for each part that a person freed.
CREATE TABLE gateway.freed_conversations (
  conversation_id uuid NOT NULL,
  -- of the first event that came late
  from_position   bigint NOT NULL,
  -- the ledger's head, once it came; null: nobody has looked yet
  until_position  bigint,
  PRIMARY KEY (conversation_id, from_position)
);
