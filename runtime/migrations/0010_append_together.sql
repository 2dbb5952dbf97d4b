-- `ledger.append` (0001), which processes of the version before still call, with a short way for the usual case, that every
-- batch fits: one index probe a batch and one insert. The rest of the contract is the same, but for the answer of that case:
-- one row, batch 0, with the position before the first of its events. They follow each other in the order of the batches, so
-- the caller knows the rest.
--
-- Of a backend's time for an event, in groups of 12 batches of one: 108 µs before, 70 now, of which the insert itself takes 43
-- (2 cores, PostgreSQL 18, 1.1 kB an event).
CREATE FUNCTION ledger.append_together(
  streams text[], expected integer[], counts integer[],
  batches integer[], indexes integer[], ids uuid[], types text[], data text[], metadata text[]
) RETURNS TABLE (batch integer, written boolean, revision integer, last_position bigint)
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_mergejoin = off
AS $$
#variable_conflict use_column
DECLARE
  head bigint;
  fits boolean;
BEGIN
  -- A statement of its own: the ones below must see what was committed while this one waited. All positions are taken at
  -- once; where a batch does not fit they are given back below.
  UPDATE ledger.head h SET position = h.position + cardinality(append_together.ids)
    RETURNING h.position - cardinality(append_together.ids) INTO head;

  SELECT bool_and(b.expected = coalesce((SELECT e.revision FROM ledger.events e WHERE e.stream = b.stream
                                         ORDER BY e.revision DESC LIMIT 1), -1))
    INTO fits FROM unnest(append_together.streams, append_together.expected) AS b (stream, expected);

  IF fits THEN
    INSERT INTO ledger.events (position, stream, revision, id, type, data, metadata)
    SELECT head + v.n, append_together.streams[v.batch], append_together.expected[v.batch] + v.index, v.id, v.type, v.data::json, v.metadata::json
    FROM unnest(append_together.batches, append_together.indexes, append_together.ids, append_together.types, append_together.data, append_together.metadata)
      WITH ORDINALITY AS v (batch, index, id, type, data, metadata, n);
    RETURN QUERY SELECT 0, true, NULL::integer, head;
    RETURN;
  END IF;

  -- The long way, from where the head was: it looks which batches fit, which were written before, and which conflict.
  UPDATE ledger.head h SET position = head;
  RETURN QUERY SELECT * FROM ledger.append(
    append_together.streams, append_together.expected, append_together.counts, append_together.batches,
    append_together.indexes, append_together.ids, append_together.types, append_together.data, append_together.metadata);
END
$$;
