-- Entities: the row that names one, carries its counter of versions, and is the lock of all who write its records.

-- name: create
-- One entity, unless its pair is taken. The counter starts at the time in microseconds: an entity that is deleted
-- and made again never runs backwards.
WITH moment AS MATERIALIZED (SELECT pg_catalog.clock_timestamp() AS now)
INSERT INTO mastra.entity (id, name, connection_id, version, created_at, updated_at)
SELECT %(id)s, %(name)s, %(connection_id)s, (extract(epoch FROM now) * 1000000)::bigint, now, now
FROM moment
ON CONFLICT DO NOTHING
RETURNING id, name, connection_id, last_sync_id, created_at, updated_at

-- name: get
-- One entity by its id.
SELECT id, name, connection_id, last_sync_id, created_at, updated_at
FROM mastra.entity
WHERE id = %(id)s

-- name: list
-- Entities, oldest first, of one connection or one name where these are given, after a position where one is.
SELECT id, name, connection_id, last_sync_id, created_at, updated_at
FROM mastra.entity
WHERE (%(connection_id)s::text IS NULL OR connection_id = %(connection_id)s)
  AND (%(name)s::text IS NULL OR name = %(name)s)
  AND (%(after_id)s::text IS NULL OR (created_at, id) > (%(after_time)s::timestamptz, %(after_id)s))
ORDER BY created_at, id COLLATE "C"
LIMIT %(limit)s::bigint

-- name: lock
-- The entity's row, locked until the transaction ends: writers of one entity wait for each other here, at most
-- `patience` milliseconds. A client that falls silent afterwards keeps the lock for a minute at most.
WITH patience AS MATERIALIZED (
    SELECT pg_catalog.set_config('lock_timeout', %(patience)s, true),
           pg_catalog.set_config('idle_in_transaction_session_timeout', '60000', true)
)
SELECT e.id, e.name, e.connection_id, e.last_sync_id, e.created_at, e.updated_at
FROM patience, mastra.entity AS e
WHERE e.id = %(id)s
FOR NO KEY UPDATE OF e

-- name: set_last_sync_id
-- The checkpoint of an entity that is locked.
UPDATE mastra.entity
SET last_sync_id = %(sync_id)s, updated_at = greatest(pg_catalog.clock_timestamp(), updated_at)
WHERE id = %(id)s
RETURNING id, name, connection_id, last_sync_id, created_at, updated_at

-- name: delete
-- An entity that is locked; its records and runs go with it.
WITH dead_records AS (DELETE FROM mastra.records WHERE entity_id = %(id)s),
     dead_runs AS (DELETE FROM mastra.sync_run WHERE entity_id = %(id)s)
DELETE FROM mastra.entity
WHERE id = %(id)s
RETURNING id, name, connection_id, last_sync_id, created_at, updated_at
