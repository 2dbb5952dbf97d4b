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
  -- once; those that are not needed are given back below.
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

  RETURN QUERY
    WITH asked AS MATERIALIZED (
      SELECT b.n::integer AS n, b.stream, b.expected, b.count,
        coalesce((SELECT e.revision FROM ledger.events e WHERE e.stream = b.stream
                  ORDER BY e.revision DESC LIMIT 1), -1) AS actual
      FROM unnest(append_together.streams, append_together.expected, append_together.counts) WITH ORDINALITY AS b (stream, expected, count, n)
    ), fitting AS MATERIALIZED (
      SELECT a.*, (head + sum(a.count) OVER (ORDER BY a.n))::bigint AS last_position FROM asked a
      WHERE a.actual = a.expected
    ), inserted AS (
      INSERT INTO ledger.events (position, stream, revision, id, type, data, metadata)
      SELECT f.last_position - f.count + v.index, f.stream, f.actual + v.index, v.id, v.type, v.data::json, v.metadata::json
      FROM unnest(append_together.batches, append_together.indexes, append_together.ids, append_together.types, append_together.data, append_together.metadata)
        AS v (batch, index, id, type, data, metadata)
      JOIN fitting f ON f.n = v.batch
    )
    SELECT f.n, true, f.actual + f.count, f.last_position FROM fitting f
    UNION ALL
    SELECT a.n, earlier.written, CASE WHEN earlier.written THEN a.expected + a.count ELSE a.actual END,
           CASE WHEN earlier.written THEN earlier.last_position END
    FROM asked a CROSS JOIN LATERAL (
      SELECT coalesce(array_agg(e.id ORDER BY e.revision)
                      = (SELECT array_agg(v.id ORDER BY v.index)
                         FROM unnest(append_together.batches, append_together.indexes, append_together.ids) AS v (batch, index, id)
                         WHERE v.batch = a.n), false) AS written,
             max(e.position) AS last_position
      FROM ledger.events e
      WHERE e.stream = a.stream AND e.revision > a.expected AND e.revision <= a.expected + a.count
    ) earlier
    WHERE a.actual <> a.expected;

  -- Never backwards, whatever became of the events behind it.
  UPDATE ledger.head h SET position = greatest(head, (SELECT max(e.position) FROM ledger.events e));
END
$$;
