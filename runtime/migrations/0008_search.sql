-- The search index: made from the ledger alone, by a follower of its own, and made anew when it is emptied.

CREATE SCHEMA search;

-- One row: how far the follower has come, and under which key. Without it the index begins anew.
CREATE TABLE search.progress (
  only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  fingerprint text NOT NULL,
  -- everything up to here is in the tables below
  position    bigint NOT NULL
);

-- The words of a message, as pseudonyms (ledger/sealing/blind-lexemes.ts).
CREATE TABLE search.messages (
  conversation_id uuid NOT NULL,
  seq             integer NOT NULL,
  position        bigint NOT NULL,
  lexemes         tsvector NOT NULL,
  PRIMARY KEY (conversation_id, seq)
);
-- No pending list: every search would have to read it.
CREATE INDEX messages_lexemes ON search.messages USING gin (lexemes) WITH (fastupdate = off);

-- Who was mentioned where, of those who were members.
CREATE TABLE search.mentions (
  user_id         text COLLATE "C" NOT NULL,
  position        bigint NOT NULL,
  conversation_id uuid NOT NULL,
  seq             integer NOT NULL,
  PRIMARY KEY (user_id, position)
);
CREATE INDEX mentions_of_message ON search.mentions (conversation_id, seq);
