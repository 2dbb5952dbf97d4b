-- What api nodes share through Postgres: device positions, tickets, and who is connected where.

CREATE SCHEMA gateway;

-- How far each device has kept what it was sent (`ack`). Not a fact of a conversation; losing a row costs repetition.
CREATE TABLE gateway.devices (
  user_id    text COLLATE "C" NOT NULL,
  device_id  text COLLATE "C" NOT NULL,
  position   bigint NOT NULL,
  -- the ledger's head when the device first connected: what came later is its to get, whatever other devices acknowledge
  known_from bigint NOT NULL,
  PRIMARY KEY (user_id, device_id)
);

-- Single-use tickets for browsers, which cannot set a header on a WebSocket. Only the hash is kept.
CREATE TABLE gateway.tickets (
  hash       bytea PRIMARY KEY,
  claims     json NOT NULL,
  expires_at timestamptz NOT NULL
);

-- Live api nodes and the sessions they hold. Unlogged: after a crash of Postgres every node announces itself anew.
CREATE UNLOGGED TABLE gateway.nodes (
  node         text COLLATE "C" PRIMARY KEY,
  heartbeat_at timestamptz NOT NULL
);

CREATE UNLOGGED TABLE gateway.sessions (
  user_id      text COLLATE "C" NOT NULL,
  device_id    text COLLATE "C" NOT NULL,
  node         text COLLATE "C" NOT NULL,
  connected_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, device_id, node)
);
CREATE INDEX sessions_of_node ON gateway.sessions (node);
