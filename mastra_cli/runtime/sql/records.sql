-- Records: written under the lock of their entity's row, each change with a number of its own.

-- name: get
-- One live record.
SELECT id, entity_id, external_id, entity_type, data, created_at, updated_at, deleted_at, version
FROM mastra.records
WHERE entity_id = %(entity_id)s AND external_id = %(external_id)s AND deleted_at IS NULL

-- name: merge_one
-- One record in one statement and one round trip: lock the entity, compare, insert or update, move the counter. All
-- of it sees one snapshot, which may be older than the lock: when another writer came between, the counter has
-- moved since (`fresh` is false), and nothing is done.
WITH locked AS MATERIALIZED (
    SELECT e.name, e.version, e.updated_at
    FROM mastra.entity AS e
    WHERE e.id = %(entity_id)s AND pg_catalog.set_config('lock_timeout', %(patience)s, true) IS NOT NULL
    FOR NO KEY UPDATE OF e
), seen AS (
    SELECT locked.version + 1 AS version, greatest(pg_catalog.clock_timestamp(), locked.updated_at) AS now,
           locked.version = (SELECT e.version FROM mastra.entity AS e WHERE e.id = %(entity_id)s) AS fresh,
           coalesce(%(entity_type)s::text, locked.name) AS entity_type,
           stored.external_id IS NOT NULL AND stored.deleted_at IS NULL AS live,
           CASE WHEN %(merge)s::boolean AND stored.deleted_at IS NULL AND stored.data IS NOT NULL
                THEN stored.data || %(data)s::jsonb ELSE %(data)s::jsonb END AS data,
           stored.data AS old_data, stored.entity_type AS old_type
    FROM locked
    LEFT JOIN mastra.records AS stored
        ON stored.entity_id = %(entity_id)s AND stored.external_id = %(external_id)s
), judged AS MATERIALIZED (
    SELECT version, now, fresh, entity_type, data, live,
           fresh AND (NOT live OR data <> old_data OR entity_type <> old_type) AS changed
    FROM seen
), put AS (
    INSERT INTO mastra.records AS stored
        (entity_id, external_id, id, entity_type, data, version, created_version, created_at, updated_at)
    SELECT %(entity_id)s, %(external_id)s, %(id)s, entity_type, data, version, version, now, now
    FROM judged
    WHERE changed
    ON CONFLICT (entity_id, external_id) DO UPDATE
    SET entity_type = excluded.entity_type, data = excluded.data, version = excluded.version,
        created_version = CASE WHEN stored.deleted_at IS NULL
                               THEN stored.created_version ELSE excluded.created_version END,
        created_at = CASE WHEN stored.data IS NULL THEN excluded.created_at ELSE stored.created_at END,
        updated_at = excluded.updated_at, deleted_at = NULL
), moved AS (
    UPDATE mastra.entity AS e
    SET version = judged.version, updated_at = judged.now
    FROM judged
    WHERE e.id = %(entity_id)s AND judged.changed
)
SELECT fresh, (changed AND NOT live)::int, (changed AND live)::int
FROM judged

-- name: merge
-- A few records in the same way.
WITH patience AS MATERIALIZED (
    SELECT pg_catalog.set_config('lock_timeout', %(patience)s, true)
), locked AS MATERIALIZED (
    SELECT e.name, e.version, e.updated_at
    FROM patience, mastra.entity AS e
    WHERE e.id = %(entity_id)s
    FOR NO KEY UPDATE OF e
), moment AS MATERIALIZED (
    SELECT locked.name, locked.version, greatest(pg_catalog.clock_timestamp(), locked.updated_at) AS now,
           locked.version = (SELECT e.version FROM mastra.entity AS e WHERE e.id = %(entity_id)s) AS fresh
    FROM locked
), judged AS (
    SELECT given.external_id, coalesce(given.entity_type, moment.name) AS entity_type,
           CASE WHEN %(merge)s::boolean AND stored.deleted_at IS NULL AND stored.data IS NOT NULL
                THEN stored.data || given.data::jsonb ELSE given.data::jsonb END AS data,
           stored.external_id IS NOT NULL AS known,
           stored.external_id IS NOT NULL AND stored.deleted_at IS NULL AS live,
           stored.data AS old_data, stored.entity_type AS old_type, moment.version, moment.now
    FROM moment
    CROSS JOIN unnest(%(external_ids)b::text[], %(entity_types)b::text[], %(data)b::text[])
        AS given (external_id, entity_type, data)
    LEFT JOIN mastra.records AS stored
        ON stored.entity_id = %(entity_id)s AND stored.external_id = given.external_id COLLATE "C"
    WHERE moment.fresh
), changed AS MATERIALIZED (
    SELECT external_id, entity_type, data, known, live, old_data IS NULL AS blank, now,
           version + row_number() OVER (ORDER BY external_id COLLATE "C") AS version
    FROM judged
    WHERE NOT live OR data <> old_data OR entity_type <> old_type
), inserted AS (
    INSERT INTO mastra.records
        (entity_id, external_id, id, entity_type, data, version, created_version, created_at, updated_at)
    SELECT %(entity_id)s, external_id,
           encode(substring(sha256(convert_to(%(entity_id)s || external_id, 'UTF8')) FOR 16), 'hex'),
           entity_type, data, version, version, now, now
    FROM changed
    WHERE NOT known
), updated AS (
    UPDATE mastra.records AS stored
    SET entity_type = changed.entity_type, data = changed.data, version = changed.version,
        created_version = CASE WHEN changed.live THEN stored.created_version ELSE changed.version END,
        created_at = CASE WHEN changed.blank THEN changed.now ELSE stored.created_at END,
        updated_at = changed.now, deleted_at = NULL
    FROM changed
    WHERE changed.known AND stored.entity_id = %(entity_id)s
      AND stored.external_id = changed.external_id COLLATE "C"
), counted AS MATERIALIZED (
    SELECT count(*) FILTER (WHERE NOT live) AS created, count(*) FILTER (WHERE live) AS updated FROM changed
), moved AS (
    UPDATE mastra.entity AS e
    SET version = e.version + counted.created + counted.updated, updated_at = moment.now
    FROM counted, moment
    WHERE e.id = %(entity_id)s AND counted.created + counted.updated > 0
)
SELECT moment.fresh, counted.created, counted.updated
FROM moment, counted

-- name: written
-- What `merge` would have answered, had its answer not been lost: how many of its records were created and
-- updated since it began. The seconds are counted after BEGIN, whose time `now()` is: never too few.
SELECT true, count(*) FILTER (WHERE created_version = version), count(*) FILTER (WHERE created_version < version)
FROM mastra.records
WHERE entity_id = %(entity_id)s AND external_id = ANY(%(external_ids)s::text[]) AND deleted_at IS NULL
  AND updated_at >= pg_catalog.now() - pg_catalog.make_interval(secs => %(seconds)s)

-- name: create_stage
-- Where COPY puts what a call brings. A row without data says that its record is there, and no more.
CREATE TEMPORARY TABLE mastra_stage (
    number bigint NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    entity_type text COLLATE "C",
    data jsonb
) ON COMMIT DROP

-- name: fill_stage
-- The lines of the spool, as they are.
COPY pg_temp.mastra_stage (number, external_id, entity_type, data) FROM STDIN

-- name: count_stage
-- How many rows with data there are, and of how many keys.
SELECT count(*), count(DISTINCT external_id) FROM pg_temp.mastra_stage WHERE data IS NOT NULL

-- name: fold_stage
-- For mode merge: of several rows of one key the last one gets all of them, the later laid over the earlier.
WITH folded AS (
    SELECT one.external_id, max(one.number) AS number,
           coalesce(jsonb_object_agg(field.key, field.value ORDER BY one.number)
                        FILTER (WHERE field.key IS NOT NULL), '{}') AS data
    FROM pg_temp.mastra_stage AS one
    LEFT JOIN LATERAL jsonb_each(one.data) AS field ON true
    WHERE one.data IS NOT NULL
    GROUP BY one.external_id
    HAVING count(DISTINCT one.number) > 1
)
UPDATE pg_temp.mastra_stage AS last
SET data = folded.data
FROM folded
WHERE last.external_id = folded.external_id AND last.number = folded.number AND last.data IS NOT NULL

-- name: settle_stage
-- Of several rows of one key only the last stays.
DELETE FROM pg_temp.mastra_stage AS one
USING (
    SELECT external_id, max(number) AS number
    FROM pg_temp.mastra_stage
    WHERE data IS NOT NULL
    GROUP BY external_id
    HAVING count(*) > 1
) AS last
WHERE one.external_id = last.external_id AND one.number < last.number AND one.data IS NOT NULL

-- name: missing
-- How many records live, and how many of these the stage does not have.
SELECT count(*),
       count(*) FILTER (WHERE NOT EXISTS (
           SELECT FROM pg_temp.mastra_stage AS staged WHERE staged.external_id = stored.external_id))
FROM mastra.records AS stored
WHERE stored.entity_id = %(entity_id)s AND stored.deleted_at IS NULL

-- name: merge_stage
-- The stage, in which each key has one row with data, into the records of an entity that this transaction has locked:
-- insert the new, update the changed, with `delete_missing` soft-delete what the stage does not have, move the counter.
WITH moment AS MATERIALIZED (
    SELECT name, version, greatest(pg_catalog.clock_timestamp(), updated_at) AS now
    FROM mastra.entity
    WHERE id = %(entity_id)s
), judged AS (
    SELECT staged.external_id, coalesce(staged.entity_type, moment.name) AS entity_type,
           CASE WHEN %(merge)s::boolean AND stored.deleted_at IS NULL AND stored.data IS NOT NULL
                THEN stored.data || staged.data ELSE staged.data END AS data,
           stored.external_id IS NOT NULL AS known,
           stored.external_id IS NOT NULL AND stored.deleted_at IS NULL AS live,
           stored.data AS old_data, stored.entity_type AS old_type
    FROM moment
    CROSS JOIN pg_temp.mastra_stage AS staged
    -- By the key alone, whatever the planner thinks of a table that nobody has analysed: never a scan of the entity.
    LEFT JOIN LATERAL (
        SELECT r.external_id, r.entity_type, r.data, r.deleted_at
        FROM mastra.records AS r
        WHERE r.entity_id = %(entity_id)s AND r.external_id = staged.external_id
        OFFSET 0
    ) AS stored ON true
    WHERE staged.data IS NOT NULL
), changed AS MATERIALIZED (
    SELECT found.*, moment.now,
           moment.version + row_number() OVER (ORDER BY found.external_id COLLATE "C") AS version
    FROM moment
    CROSS JOIN (
        SELECT external_id, entity_type, data, known, live, old_data IS NULL AS blank, false AS gone
        FROM judged
        WHERE NOT live OR data <> old_data OR entity_type <> old_type
        UNION ALL
        SELECT stored.external_id, stored.entity_type, NULL, true, true, false, true
        FROM mastra.records AS stored
        WHERE %(delete_missing)s::boolean AND stored.entity_id = %(entity_id)s AND stored.deleted_at IS NULL
          AND NOT EXISTS (
              SELECT FROM pg_temp.mastra_stage AS staged WHERE staged.external_id = stored.external_id)
    ) AS found
), inserted AS (
    INSERT INTO mastra.records
        (entity_id, external_id, id, entity_type, data, version, created_version, created_at, updated_at)
    SELECT %(entity_id)s, external_id,
           encode(substring(sha256(convert_to(%(entity_id)s || external_id, 'UTF8')) FOR 16), 'hex'),
           entity_type, data, version, version, now, now
    FROM changed
    WHERE NOT known
), updated AS (
    UPDATE mastra.records AS stored
    SET entity_type = changed.entity_type,
        data = CASE WHEN changed.gone THEN stored.data ELSE changed.data END,
        version = changed.version,
        created_version = CASE WHEN changed.live THEN stored.created_version ELSE changed.version END,
        created_at = CASE WHEN changed.blank THEN changed.now ELSE stored.created_at END,
        updated_at = changed.now,
        deleted_at = CASE WHEN changed.gone THEN changed.now END
    FROM changed
    WHERE changed.known AND stored.entity_id = %(entity_id)s AND stored.external_id = changed.external_id
), counted AS MATERIALIZED (
    SELECT count(*) FILTER (WHERE NOT live) AS created, count(*) FILTER (WHERE live AND NOT gone) AS updated,
           count(*) FILTER (WHERE gone) AS deleted
    FROM changed
), moved AS (
    UPDATE mastra.entity AS e
    SET version = e.version + counted.created + counted.updated + counted.deleted, updated_at = moment.now
    FROM counted, moment
    WHERE e.id = %(entity_id)s AND counted.created + counted.updated + counted.deleted > 0
)
SELECT counted.created, counted.updated, counted.deleted
FROM counted

-- name: delete
-- Soft-deletes live records of an entity that is locked, those named or all; with `purge` their data is erased,
-- also of those that were soft-deleted before.
WITH moment AS MATERIALIZED (
    SELECT version, greatest(pg_catalog.clock_timestamp(), updated_at) AS now
    FROM mastra.entity
    WHERE id = %(entity_id)s
), gone AS MATERIALIZED (
    SELECT stored.external_id, moment.now,
           moment.version + row_number() OVER (ORDER BY stored.external_id COLLATE "C") AS version
    FROM moment, mastra.records AS stored
    WHERE stored.entity_id = %(entity_id)s
      AND (%(external_ids)s::text[] IS NULL OR stored.external_id = ANY (%(external_ids)s::text[]))
      AND CASE WHEN %(purge)s::boolean THEN stored.data IS NOT NULL ELSE stored.deleted_at IS NULL END
), buried AS (
    UPDATE mastra.records AS stored
    SET data = CASE WHEN %(purge)s::boolean THEN NULL ELSE stored.data END, version = gone.version,
        updated_at = gone.now, deleted_at = coalesce(stored.deleted_at, gone.now)
    FROM gone
    WHERE stored.entity_id = %(entity_id)s AND stored.external_id = gone.external_id
), counted AS MATERIALIZED (
    SELECT count(*) AS deleted FROM gone
), moved AS (
    UPDATE mastra.entity AS e
    SET version = e.version + counted.deleted, updated_at = moment.now
    FROM counted, moment
    WHERE e.id = %(entity_id)s AND counted.deleted > 0
)
SELECT deleted FROM counted

-- name: purge_tombstones
-- Removes the rows of purged records for good, and moves the feed's floor, never past what was ever changed.
WITH dead AS (
    DELETE FROM mastra.records
    WHERE entity_id = %(entity_id)s AND data IS NULL AND version < %(before_version)s::bigint
    RETURNING 1
), moved AS (
    UPDATE mastra.entity
    SET feed_floor = greatest(feed_floor, least(%(before_version)s::bigint, version))
    WHERE id = %(entity_id)s
)
SELECT count(*) FROM dead

-- name: changes
-- What changed after a version, in order, beside the feed's floor; one row of nulls when nothing did, none without
-- the entity.
SELECT e.feed_floor, r.created_version, r.id, r.entity_id, r.external_id, r.entity_type, r.data, r.created_at,
       r.updated_at, r.deleted_at, r.version
FROM mastra.entity AS e
LEFT JOIN LATERAL (
    SELECT stored.*
    FROM mastra.records AS stored
    WHERE stored.entity_id = e.id AND stored.version > %(after)s::bigint
    ORDER BY stored.version
    LIMIT %(limit)s::bigint
) AS r ON true
WHERE e.id = %(entity_id)s
ORDER BY r.version

-- name: field_indexes
-- How many blocks the table has, with each of the indexes on records that can be used, or null.
SELECT COALESCE(pg_relation_size(t.oid), 0) / current_setting('block_size')::bigint AS blocks, c.relname
FROM (SELECT to_regclass('mastra.records') AS oid) AS t
LEFT JOIN (
    pg_catalog.pg_index AS i
    JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid AND starts_with(c.relname, 'records_field_')
) ON i.indrelid = t.oid AND i.indisvalid
