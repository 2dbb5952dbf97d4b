-- The append-only ledger on Postgres, and what stands beside it whichever ledger is used: snapshots and data keys.

CREATE SCHEMA ledger;

CREATE TABLE ledger.events (
  position    bigint PRIMARY KEY,
  stream      text COLLATE "C" NOT NULL,
  revision    integer NOT NULL,
  id          uuid NOT NULL,
  type        text NOT NULL,
  data        json NOT NULL,
  metadata    json NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (stream, revision)
);

-- One row. Its lock makes writers commit one after another, so that positions are gapless and appear in order.
CREATE TABLE ledger.head (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  position bigint NOT NULL
);
INSERT INTO ledger.head (position) VALUES (0);

-- Appends several batches, each atomically to its stream, in one transaction: the batches that fit their expected
-- revision are written, the others answer with the revision that stands. An identical batch (same stream, expected
-- revision and event ids) that was written before answers as it did then.
--   streams, expected, counts: one entry per batch; a stream may occur once
--   ids, types, data, metadata: the events of all batches, in order
-- Returns per batch: its ordinal, whether it stands in the ledger, the revision and position of its last event
-- (or the actual revision of the stream, and null).
CREATE FUNCTION ledger.append(
  streams text[], expected integer[], counts integer[],
  ids uuid[], types text[], data text[], metadata text[]
) RETURNS TABLE (batch integer, written boolean, revision integer, last_position bigint)
LANGUAGE plpgsql AS $$
DECLARE
  head bigint;
  actual integer;
  first_event integer := 1;
  stored uuid[];
  stored_position bigint;
BEGIN
  SELECT h.position INTO head FROM ledger.head h FOR UPDATE;
  FOR i IN 1 .. array_length(streams, 1) LOOP
    batch := i;
    SELECT e.revision INTO actual FROM ledger.events e
      WHERE e.stream = streams[i] ORDER BY e.revision DESC LIMIT 1;
    actual := coalesce(actual, -1);
    IF actual = expected[i] THEN
      INSERT INTO ledger.events (position, stream, revision, id, type, data, metadata)
        SELECT head + n, streams[i], actual + n,
               ids[first_event + n - 1], types[first_event + n - 1],
               data[first_event + n - 1]::json, metadata[first_event + n - 1]::json
        FROM generate_series(1, counts[i]) AS n;
      head := head + counts[i];
      written := true; revision := actual + counts[i]; last_position := head;
    ELSE
      SELECT array_agg(e.id ORDER BY e.revision), max(e.position) INTO stored, stored_position
        FROM ledger.events e
        WHERE e.stream = streams[i] AND e.revision > expected[i] AND e.revision <= expected[i] + counts[i];
      IF stored = ids[first_event : first_event + counts[i] - 1] THEN
        written := true; revision := expected[i] + counts[i]; last_position := stored_position;
      ELSE
        written := false; revision := actual; last_position := null;
      END IF;
    END IF;
    first_event := first_event + counts[i];
    RETURN NEXT;
  END LOOP;
  UPDATE ledger.head h SET position = head WHERE h.position <> head;
  IF FOUND THEN
    PERFORM pg_notify('triptick_ledger', head::text);
  END IF;
END
$$;

-- A disposable shortcut: state of a stream's fold at a revision. Deleting any row costs time, never truth.
CREATE TABLE ledger.snapshots (
  stream        text COLLATE "C" PRIMARY KEY,
  revision      integer NOT NULL,
  state_version integer NOT NULL,
  state         json NOT NULL
);

-- The data keys that seal message bodies, wrapped by the master key. Destroying a row destroys the words.
CREATE TABLE ledger.content_keys (
  conversation_id uuid NOT NULL,
  sender_id       text COLLATE "C" NOT NULL,
  wrapped_key     bytea NOT NULL,
  PRIMARY KEY (conversation_id, sender_id)
);
