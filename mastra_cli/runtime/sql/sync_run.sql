-- The ledger of syncs.

-- name: record
-- One run, `took` seconds after it began; nothing when it stands there already, or when the entity is not there.
WITH moment AS MATERIALIZED (SELECT pg_catalog.clock_timestamp() AS now)
INSERT INTO mastra.sync_run (entity_id, id, sync_id, mode, status, received, created, updated, unchanged, duplicates,
                             rejected, deleted, started_at, finished_at, error)
SELECT e.id, %(id)s, %(sync_id)s, %(mode)s, %(status)s, %(received)s, %(created)s, %(updated)s, %(unchanged)s,
       %(duplicates)s, %(rejected)s, %(deleted)s, moment.now - make_interval(secs => %(took)s::double precision),
       moment.now, %(error)s
FROM mastra.entity AS e, moment
WHERE e.id = %(entity_id)s
ON CONFLICT DO NOTHING

-- name: list
-- The runs of an entity, newest first; one row of nulls when it has none, no row without the entity.
SELECT run.id, run.entity_id, run.sync_id, run.mode, run.status, run.received, run.created, run.updated,
       run.unchanged, run.duplicates, run.rejected, run.deleted, run.started_at, run.finished_at, run.error
FROM mastra.entity AS e
LEFT JOIN LATERAL (
    SELECT *
    FROM mastra.sync_run AS one
    WHERE one.entity_id = e.id
    ORDER BY one.finished_at DESC, one.id COLLATE "C"
    LIMIT %(limit)s::bigint
) AS run ON true
WHERE e.id = %(entity_id)s
ORDER BY run.finished_at DESC, run.id COLLATE "C"
