-- The read models: what the ledger says, arranged for the questions that are asked. Created by the engine in a Postgres
-- schema of its own (`read`; `read_next` while a rebuild builds it), so every name here is without one.
--
-- Every table above the line is a pure function of the events: no clock, no serial, no random value, so that two builds
-- are equal byte for byte. Times are Unix milliseconds of the events. A seq is an integer, as the ledger's revisions are.

CREATE TABLE conversations (
  conversation_id       uuid PRIMARY KEY,
  kind                  text COLLATE "C" NOT NULL,
  title                 text,
  started_by            text COLLATE "C" NOT NULL,
  started_at            bigint NOT NULL,
  started_position      bigint NOT NULL,
  last_seq              integer NOT NULL,
  last_message_at       bigint,
  last_message_position bigint,
  -- of the newest event of any kind, receipts included
  last_position         bigint NOT NULL
) WITH (fillfactor = 70);

-- One row per title a conversation ever had, so that who has left sees the one that they knew, and who was away hears of it.
CREATE TABLE conversation_titles (
  conversation_id uuid NOT NULL,
  position        bigint NOT NULL,
  -- null: from here on it had none
  title           text,
  by              text COLLATE "C" NOT NULL,
  at              bigint NOT NULL,
  PRIMARY KEY (conversation_id, position)
);

-- One row per change of how long bodies are kept. Without a row a conversation is permanent.
CREATE TABLE conversation_retentions (
  conversation_id uuid NOT NULL,
  position        bigint NOT NULL,
  mode            text COLLATE "C" NOT NULL,
  -- null: permanent
  seconds         integer,
  by              text COLLATE "C" NOT NULL,
  at              bigint NOT NULL,
  PRIMARY KEY (conversation_id, position)
);

-- One row per person who ever was a member. Watermarks begin at joined_seq, so "has everything up to n" needs no other
-- condition: min(delivered_seq) over the current others is how far everybody has it.
CREATE TABLE members (
  conversation_id     uuid NOT NULL,
  user_id             text COLLATE "C" NOT NULL,
  role                text COLLATE "C" NOT NULL,
  -- messages up to here were before this membership
  joined_seq          integer NOT NULL,
  joined_at           bigint NOT NULL,
  joined_by           text COLLATE "C" NOT NULL,
  joined_position     bigint NOT NULL,
  -- of the newest change of the role in this membership; null when it is the one they joined with
  role_at             bigint,
  role_by             text COLLATE "C",
  role_position       bigint,
  -- null: a member now. Otherwise the last seq of this membership
  left_seq            integer,
  left_at             bigint,
  left_by             text COLLATE "C",
  left_position       bigint,
  -- the seqs this person may read, over all their memberships
  history             int4multirange NOT NULL,
  delivered_seq       integer NOT NULL,
  delivered_at        bigint,
  delivered_device_id text COLLATE "C",
  delivered_position  bigint,
  read_seq            integer NOT NULL,
  read_at             bigint,
  read_device_id      text COLLATE "C",
  read_position       bigint,
  -- own messages, over all memberships
  first_sent_seq      integer,
  last_sent_seq       integer,
  -- own messages beyond each watermark: unread = last_seq - read_seq - own_after_read, without counting rows
  own_after_delivered integer NOT NULL,
  own_after_read      integer NOT NULL,
  PRIMARY KEY (conversation_id, user_id)
) WITH (fillfactor = 70);
-- Covers no column that changes after the join, so that watermarks move by HOT updates.
CREATE INDEX members_of_user ON members (user_id, conversation_id);

CREATE TABLE device_watermarks (
  conversation_id    uuid NOT NULL,
  user_id            text COLLATE "C" NOT NULL,
  device_id          text COLLATE "C" NOT NULL,
  delivered_seq      integer NOT NULL,
  delivered_at       bigint NOT NULL,
  delivered_position bigint NOT NULL,
  PRIMARY KEY (conversation_id, user_id, device_id)
) WITH (fillfactor = 70);

CREATE TABLE messages (
  conversation_id  uuid NOT NULL,
  seq              integer NOT NULL,
  message_id       bytea NOT NULL,
  sender_id        text COLLATE "C" NOT NULL,
  device_id        text COLLATE "C" NOT NULL,
  nonce            text COLLATE "C" NOT NULL,
  client_at        bigint NOT NULL,
  at               bigint NOT NULL,
  body_hash        bytea NOT NULL,
  -- sealed; null when deleted or when it never was, or no longer is, in the ledger
  body             bytea,
  deleted_at       bigint,
  deleted_position bigint,
  position         bigint NOT NULL,
  -- of messages whose body is temporary: 'until-delivered' or 'ttl', and when it is gone at the latest. Null: permanent
  temporary        text COLLATE "C",
  expires_at       bigint,
  expired_at       bigint,
  expired_position bigint,
  PRIMARY KEY (conversation_id, seq)
) WITH (autovacuum_vacuum_cost_limit = 40); -- it mostly grows: why so slowly says migration 0012
-- Sealed bytes do not compress; trying costs time.
ALTER TABLE messages ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX messages_by_id ON messages (conversation_id, message_id);
CREATE INDEX messages_expired ON messages (conversation_id, expired_position) WHERE expired_position IS NOT NULL;
CREATE INDEX messages_deleted ON messages (conversation_id, deleted_position) WHERE deleted_position IS NOT NULL;

-- One row per receipt: the seqs from_seq..to_seq reached this device (delivered), or its person (read), at this time.
CREATE TABLE receipts (
  conversation_id uuid NOT NULL,
  user_id         text COLLATE "C" NOT NULL,
  device_id       text COLLATE "C" NOT NULL,
  kind            text COLLATE "C" NOT NULL,
  from_seq        integer NOT NULL,
  to_seq          integer NOT NULL,
  at              bigint NOT NULL,
  position        bigint NOT NULL,
  -- finds the one range of a device that holds a seq: the first whose to_seq is not below it
  PRIMARY KEY (conversation_id, user_id, device_id, kind, to_seq)
) WITH (autovacuum_vacuum_cost_limit = 40); -- as messages

-- Tries of the delivery worker, and its giving up (outcome 'exhausted', no channel).
CREATE TABLE delivery_attempts (
  conversation_id uuid NOT NULL,
  user_id         text COLLATE "C" NOT NULL,
  device_id       text COLLATE "C",
  from_seq        integer NOT NULL,
  to_seq          integer NOT NULL,
  channel         text COLLATE "C",
  attempt         integer NOT NULL,
  outcome         text COLLATE "C" NOT NULL,
  error           text,
  at              bigint NOT NULL,
  position        bigint NOT NULL,
  PRIMARY KEY (conversation_id, user_id, position)
);

-- When a person last did something themself: sent, read, typed, opened.
CREATE TABLE last_seen (
  user_id  text COLLATE "C" PRIMARY KEY,
  at       bigint NOT NULL,
  position bigint NOT NULL
) WITH (fillfactor = 70);

-- Every device that was ever connected, with its newest connection.
CREATE TABLE devices (
  user_id         text COLLATE "C" NOT NULL,
  device_id       text COLLATE "C" NOT NULL,
  connection      text COLLATE "C" NOT NULL,
  node            text COLLATE "C" NOT NULL,
  connected_at    bigint NOT NULL,
  -- null: connected now, as far as the ledger knows
  disconnected_at bigint,
  -- why: closed, replaced, node-lost
  reason          text COLLATE "C",
  position        bigint NOT NULL,
  PRIMARY KEY (user_id, device_id)
) WITH (fillfactor = 70);
-- Finds what a node that died has left behind.
CREATE INDEX devices_connected ON devices (node) WHERE disconnected_at IS NULL;

-- Who ever wished not to show everything. No row: everything is shared.
CREATE TABLE privacy (
  user_id       text COLLATE "C" PRIMARY KEY,
  last_seen     text COLLATE "C" NOT NULL,
  read_receipts text COLLATE "C" NOT NULL,
  position      bigint NOT NULL
);

-- ---------------------------------------------------------------------------------------------------------------------
-- Below: the engine's own memory. It holds clocks and owners, and is not compared.

-- One row: what this schema was built by.
CREATE TABLE model (
  only_row     boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  -- READ_MODEL_VERSION of the program that created it
  version      integer NOT NULL,
  -- changes whenever another build takes this schema's name; a running engine notices by it
  generation   bigint NOT NULL DEFAULT 1,
  -- when an engine last knew that everything in the ledger was projected
  caught_up_at timestamptz
);

-- How far each lane has come: every event of its conversations up to `position` is in the tables above, or parked.
CREATE TABLE checkpoints (
  lane       integer PRIMARY KEY,
  position   bigint NOT NULL,
  -- time of the newest event that this lane folded; 0 before the first
  event_at   bigint NOT NULL DEFAULT 0,
  events     bigint NOT NULL DEFAULT 0,
  -- the engine run that may move it
  owner      uuid,
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

-- Conversations that wait for a person: their first event that could not be applied, and why.
CREATE TABLE parked_conversations (
  conversation_id text COLLATE "C" PRIMARY KEY,
  position        bigint NOT NULL,
  reason          text NOT NULL,
  parked_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- That event, and every later one of its conversation. Only their places; the ledger has them.
CREATE TABLE parked_events (
  conversation_id text COLLATE "C" NOT NULL,
  position        bigint NOT NULL,
  stream          text COLLATE "C" NOT NULL,
  revision        integer NOT NULL,
  event_id        text COLLATE "C" NOT NULL,
  type            text COLLATE "C" NOT NULL,
  PRIMARY KEY (conversation_id, position)
);

-- Events that a person decided to leave out. Rebuilds honour it.
CREATE TABLE skipped_events (
  position        bigint PRIMARY KEY,
  conversation_id text COLLATE "C" NOT NULL,
  stream          text COLLATE "C" NOT NULL,
  revision        integer NOT NULL,
  type            text COLLATE "C" NOT NULL,
  reason          text NOT NULL,
  skipped_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);
