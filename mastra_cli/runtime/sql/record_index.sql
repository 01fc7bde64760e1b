-- Indexes that follow an entity: how far each has read the feed of changes, who works on it, what was skipped.

-- name: look
-- Where an index stands, then what changed since, in order: one row, none without the entity, and one a record, which
-- says nothing of the index again. An index that is up to date is marked as looked at.
WITH looked_at AS (
    UPDATE mastra.vector_follower AS f
    SET refreshed_at = pg_catalog.clock_timestamp()
    FROM mastra.entity AS e
    WHERE f.entity_id = %(entity_id)s AND f.index_name = %(index_name)s AND f.holder IS NULL
      AND e.id = f.entity_id AND e.created_at = f.born AND e.version = f.version AND NOT f.sweeping
), stand AS MATERIALIZED (
    SELECT e.version, e.feed_floor, e.created_at AS made,
           f.generation, f.model, f.dimension, f.version AS since, f.born, f.sweeping, f.refreshed_at,
           EXISTS (SELECT FROM mastra.vector_skipped AS s
                   WHERE s.entity_id = %(entity_id)s AND s.index_name = %(index_name)s) AS skipped
    FROM mastra.entity AS e
    LEFT JOIN mastra.vector_follower AS f ON f.entity_id = %(entity_id)s AND f.index_name = %(index_name)s
    WHERE e.id = %(entity_id)s
)
SELECT stand.*, NULL AS id, NULL AS entity_id, NULL AS external_id, NULL AS entity_type, NULL AS data,
       NULL AS created_at, NULL AS updated_at, NULL AS deleted_at, NULL AS changed
FROM stand
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, r.*
FROM stand
CROSS JOIN LATERAL (
    SELECT stored.id, stored.entity_id, stored.external_id, stored.entity_type, stored.data,
           stored.created_at, stored.updated_at, stored.deleted_at, stored.version
    FROM mastra.records AS stored
    WHERE stored.entity_id = %(entity_id)s AND stored.version > coalesce(stand.since, 0)
    ORDER BY stored.version
    LIMIT %(limit)s::bigint
) AS r
ORDER BY changed NULLS FIRST

-- name: begin
-- The row of a new index, unless it is there.
INSERT INTO mastra.vector_follower (entity_id, index_name, generation, model, born)
VALUES (%(entity_id)s, %(index_name)s, %(generation)s, %(model)s, %(born)s)
ON CONFLICT DO NOTHING

-- name: take
-- Makes this refresh the one that works on an index, unless another does. Who has it is gone when its time is up,
-- or when its connection is: a client that was killed is followed at once.
UPDATE mastra.vector_follower AS f
SET holder = %(holder)s, backend_pid = pg_catalog.pg_backend_pid(),
    held_until = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => %(seconds)s)
WHERE f.entity_id = %(entity_id)s AND f.index_name = %(index_name)s
  AND (f.holder IS NULL OR f.holder = %(holder)s OR f.held_until < pg_catalog.clock_timestamp()
       OR NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity AS a WHERE a.pid = f.backend_pid))
RETURNING f.generation, f.version

-- name: keep
-- More time for who works on an index; no row when another has taken it over.
UPDATE mastra.vector_follower
SET backend_pid = pg_catalog.pg_backend_pid(),
    held_until = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => %(seconds)s)
WHERE entity_id = %(entity_id)s AND index_name = %(index_name)s AND holder = %(holder)s
RETURNING 1

-- name: release
-- The end of a refresh.
UPDATE mastra.vector_follower
SET holder = NULL, backend_pid = NULL, held_until = NULL
WHERE entity_id = %(entity_id)s AND index_name = %(index_name)s AND holder = %(holder)s

-- name: restart
-- Read everything again: what was deleted can no longer be learnt from the feed, and is swept at the end.
UPDATE mastra.vector_follower
SET version = 0, sweeping = true, born = %(born)s, dimension = CASE WHEN %(lost)s::boolean THEN NULL ELSE dimension END
WHERE entity_id = %(entity_id)s AND index_name = %(index_name)s AND holder = %(holder)s
RETURNING 1

-- name: advance
-- Moves the checkpoint, in the transaction of the vectors, by who holds the index and from where it stood; no row
-- when that is no longer so. Nobody waits for the disk here: what a refresh commits last flushes this too, and a
-- server that dies before loses vectors and checkpoint alike.
WITH haste AS MATERIALIZED (SELECT pg_catalog.set_config('synchronous_commit', 'off', true))
UPDATE mastra.vector_follower
SET version = %(version)s, dimension = coalesce(dimension, %(dimension)s::integer),
    sweeping = sweeping AND NOT %(swept)s::boolean, refreshed_at = pg_catalog.clock_timestamp(),
    backend_pid = pg_catalog.pg_backend_pid(),
    held_until = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => %(seconds)s)
FROM haste
WHERE entity_id = %(entity_id)s AND index_name = %(index_name)s AND holder = %(holder)s
  AND generation = %(generation)s AND version = %(since)s
RETURNING 1

-- name: skip
-- Notes the records of a batch that were refused, and forgets those that were not.
WITH mended AS (
    DELETE FROM mastra.vector_skipped
    WHERE entity_id = %(entity_id)s AND index_name = %(index_name)s
      AND external_id = ANY (%(mended)s::text[])
)
INSERT INTO mastra.vector_skipped AS s (entity_id, index_name, external_id, attempt, reason)
SELECT %(entity_id)s, %(index_name)s, refused.external_id, %(holder)s, refused.reason
FROM unnest(%(refused)s::text[], %(reasons)s::text[]) AS refused (external_id, reason)
ON CONFLICT (entity_id, index_name, external_id) DO UPDATE
SET attempt = excluded.attempt, reason = excluded.reason

-- name: skipped
-- Records that an earlier refresh had to skip, as they are now (nulls: gone for good), after an external id.
SELECT s.external_id,
       r.id, r.entity_id, r.external_id, r.entity_type, r.data, r.created_at, r.updated_at, r.deleted_at, r.version
FROM mastra.vector_skipped AS s
LEFT JOIN mastra.records AS r ON r.entity_id = s.entity_id AND r.external_id = s.external_id
WHERE s.entity_id = %(entity_id)s AND s.index_name = %(index_name)s
  AND s.attempt <> %(holder)s AND s.external_id > %(after)s
ORDER BY s.external_id COLLATE "C"
LIMIT %(limit)s::bigint

-- name: lookup
-- Where an index stands, and which of these records live, as they are now; one row at least, none without the
-- entity.
SELECT e.created_at, f.generation, f.model, f.dimension, f.version, f.born, f.sweeping, f.refreshed_at,
       r.id, r.entity_id, r.external_id, r.entity_type, r.data, r.created_at, r.updated_at, r.deleted_at, r.version
FROM mastra.entity AS e
LEFT JOIN mastra.vector_follower AS f ON f.entity_id = %(entity_id)s AND f.index_name = %(index_name)s
LEFT JOIN mastra.records AS r
    ON r.entity_id = %(entity_id)s AND r.external_id = ANY (%(external_ids)s::text[])
   AND r.deleted_at IS NULL AND r.data IS NOT NULL
WHERE e.id = %(entity_id)s

-- name: behind
-- How many records changed after a version.
SELECT count(*) FROM mastra.records WHERE entity_id = %(entity_id)s AND version > %(version)s

-- name: claimed
-- Whether an index follows another entity.
SELECT EXISTS (
    SELECT FROM mastra.vector_follower
    WHERE index_name = %(index_name)s AND entity_id <> %(entity_id)s AND dimension IS NOT NULL)

-- name: lock
-- The rows of an index and of the one that is built beside it, locked until the transaction ends.
SELECT index_name, holder, dimension
FROM mastra.vector_follower
WHERE entity_id = %(entity_id)s AND index_name = ANY (%(index_names)s::text[])
ORDER BY index_name COLLATE "C"
FOR UPDATE

-- name: forget
-- Removes what is known of these indexes.
WITH skips AS (
    DELETE FROM mastra.vector_skipped
    WHERE entity_id = %(entity_id)s AND index_name = ANY (%(index_names)s::text[])
)
DELETE FROM mastra.vector_follower
WHERE entity_id = %(entity_id)s AND index_name = ANY (%(index_names)s::text[])

-- name: rename
-- The index that was built beside another takes its name, and is free.
WITH skips AS (
    UPDATE mastra.vector_skipped SET index_name = %(to)s
    WHERE entity_id = %(entity_id)s AND index_name = %(from)s
)
UPDATE mastra.vector_follower SET index_name = %(to)s, holder = NULL, backend_pid = NULL, held_until = NULL
WHERE entity_id = %(entity_id)s AND index_name = %(from)s

-- name: database
-- Which database this is: two connections to one get the same.
SELECT d.oid::bigint, pg_catalog.pg_postmaster_start_time()
FROM pg_catalog.pg_database AS d
WHERE d.datname = pg_catalog.current_database()

-- name: patience
-- For this transaction: how long a lock is waited for, in milliseconds, before others are let through.
SELECT pg_catalog.set_config('lock_timeout', %(patience)s, true)
