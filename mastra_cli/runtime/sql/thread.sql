-- Threads: one row each, with the counter of its messages.

-- name: create
-- A new thread; no row when one of that id is there.
INSERT INTO mastra.thread (id, resource_id, title, metadata, created_at, updated_at)
SELECT %(id)s::text, %(resource_id)s::text, %(title)s::text, %(metadata)s::jsonb, now.at, now.at
FROM (SELECT clock_timestamp() AS at) AS now
ON CONFLICT (id) DO NOTHING
RETURNING id, resource_id, title, metadata::text, created_at, updated_at

-- name: save
-- A thread as given, or in place of the one of that id; no row when that one is another resource's.
INSERT INTO mastra.thread AS t (id, resource_id, title, metadata, created_at, updated_at)
SELECT %(id)s::text, %(resource_id)s::text, %(title)s::text, %(metadata)s::jsonb,
    coalesce(%(created_at)s::timestamptz, now.at), coalesce(%(updated_at)s::timestamptz, now.at)
FROM (SELECT clock_timestamp() AS at) AS now
ON CONFLICT (id) DO UPDATE
SET title = excluded.title, metadata = excluded.metadata, updated_at = greatest(t.updated_at, clock_timestamp())
WHERE t.resource_id = excluded.resource_id
RETURNING id, resource_id, title, metadata::text, created_at, updated_at

-- name: get
-- A thread by its id.
SELECT t.id, t.resource_id, t.title, t.metadata::text, t.created_at, t.updated_at
FROM mastra.thread AS t
WHERE t.id = %(id)s

-- name: of_resource
-- All threads of a resource, newest first.
SELECT t.id, t.resource_id, t.title, t.metadata::text, t.created_at, t.updated_at
FROM mastra.thread AS t
WHERE t.resource_id = %(resource_id)s
ORDER BY t.created_at DESC, t.id DESC

-- name: list_updated
-- A page of all threads, the last updated first.
SELECT t.id, t.resource_id, t.title, t.metadata::text, t.created_at, t.updated_at
FROM mastra.thread AS t
WHERE (t.updated_at, t.id) < (%(at)s::timestamptz, %(id)s)
    AND (%(metadata)s::jsonb IS NULL OR t.metadata @> %(metadata)s::jsonb)
ORDER BY t.updated_at DESC, t.id DESC
LIMIT %(limit)s

-- name: list_updated_of
-- The same of one resource.
SELECT t.id, t.resource_id, t.title, t.metadata::text, t.created_at, t.updated_at
FROM mastra.thread AS t
WHERE t.resource_id = %(resource_id)s AND (t.updated_at, t.id) < (%(at)s::timestamptz, %(id)s)
    AND (%(metadata)s::jsonb IS NULL OR t.metadata @> %(metadata)s::jsonb)
ORDER BY t.updated_at DESC, t.id DESC
LIMIT %(limit)s

-- name: list_created
-- A page of all threads, the last created first.
SELECT t.id, t.resource_id, t.title, t.metadata::text, t.created_at, t.updated_at
FROM mastra.thread AS t
WHERE (t.created_at, t.id) < (%(at)s::timestamptz, %(id)s)
    AND (%(metadata)s::jsonb IS NULL OR t.metadata @> %(metadata)s::jsonb)
ORDER BY t.created_at DESC, t.id DESC
LIMIT %(limit)s

-- name: list_created_of
-- The same of one resource.
SELECT t.id, t.resource_id, t.title, t.metadata::text, t.created_at, t.updated_at
FROM mastra.thread AS t
WHERE t.resource_id = %(resource_id)s AND (t.created_at, t.id) < (%(at)s::timestamptz, %(id)s)
    AND (%(metadata)s::jsonb IS NULL OR t.metadata @> %(metadata)s::jsonb)
ORDER BY t.created_at DESC, t.id DESC
LIMIT %(limit)s

-- name: update
-- A new title, where one is given, and top-level keys laid over the metadata.
UPDATE mastra.thread AS t
SET title = coalesce(%(title)s::text, t.title),
    metadata = CASE
        WHEN %(metadata)s::jsonb IS NULL THEN t.metadata
        ELSE coalesce(t.metadata, '{}') || %(metadata)s::jsonb
    END,
    updated_at = greatest(t.updated_at, clock_timestamp())
WHERE t.id = %(id)s
RETURNING t.id, t.resource_id, t.title, t.metadata::text, t.created_at, t.updated_at

-- name: lock
-- Takes the rows of threads to write to, in the order of their ids.
SELECT t.id FROM mastra.thread AS t WHERE t.id = ANY (%(ids)s) ORDER BY t.id FOR NO KEY UPDATE

-- name: hold
-- A thread's resource; the thread is not deleted before this transaction ends. Writers of messages do not wait.
SELECT t.resource_id FROM mastra.thread AS t WHERE t.id = %(id)s FOR KEY SHARE

-- name: doom
-- Takes the rows of threads that will be deleted, in the order of their ids, and sets how long this transaction waits
-- for a lock. A statement of its own: the next one sees what was written by those who held them.
SELECT t.id
FROM mastra.thread AS t
WHERE t.id = ANY (%(ids)s) AND pg_catalog.set_config('lock_timeout', %(patience)s, true) IS NOT NULL
ORDER BY t.id
FOR UPDATE

-- name: doom_resource
-- The same for all threads of a resource.
SELECT t.id
FROM mastra.thread AS t
WHERE t.resource_id = %(resource_id)s AND pg_catalog.set_config('lock_timeout', %(patience)s, true) IS NOT NULL
ORDER BY t.id
FOR UPDATE

-- name: doom_old
-- The same for a batch of the oldest threads last updated before a moment; those that are held are left out.
SELECT t.id
FROM mastra.thread AS t
WHERE t.updated_at < %(moment)s::timestamptz
ORDER BY t.updated_at, t.id
LIMIT %(batch)s
FOR UPDATE SKIP LOCKED

-- name: delete
-- Doomed threads with what hangs on them; messages and embeddings go by their foreign keys. How many threads,
-- messages, tool results, values in mind.
WITH results AS (
    DELETE FROM mastra.tool_result AS r WHERE r.owner_id = ANY (%(ids)s) AND r.scope = 'thread' RETURNING 1
),
kept_in_mind AS (
    DELETE FROM mastra.working_memory AS w
    USING mastra.thread AS t
    WHERE t.id = ANY (%(ids)s) AND w.resource_id = t.resource_id AND w.thread_id = t.id
    RETURNING 1
),
gone AS (
    DELETE FROM mastra.thread AS t WHERE t.id = ANY (%(ids)s) RETURNING t.message_count
)
SELECT (SELECT count(*) FROM gone), (SELECT coalesce(sum(g.message_count), 0)::bigint FROM gone AS g),
    (SELECT count(*) FROM results), (SELECT count(*) FROM kept_in_mind)

-- name: delete_shared
-- What is kept for a resource beside its threads: how many tool results, values in mind.
WITH results AS (
    DELETE FROM mastra.tool_result AS r
    WHERE r.owner_id = %(resource_id)s AND r.scope = 'resource'
    RETURNING 1
),
kept_in_mind AS (
    DELETE FROM mastra.working_memory AS w WHERE w.resource_id = %(resource_id)s RETURNING 1
)
SELECT (SELECT count(*) FROM results), (SELECT count(*) FROM kept_in_mind)

-- name: moment
-- The time below which a thread is old: the one given, or so long ago by the database's clock.
SELECT coalesce(%(older_than)s::timestamptz, clock_timestamp() - %(age)s::interval)

-- name: count_prunable
-- What `prune` would delete.
SELECT count(*), coalesce(sum(t.message_count), 0)::bigint,
    (SELECT count(*) FROM mastra.tool_result AS r WHERE r.expires_at <= clock_timestamp())
FROM mastra.thread AS t
WHERE t.updated_at < %(moment)s::timestamptz

-- name: export
-- Everything of a resource in one statement, so as of one moment. Which kind a row is, its texts, numbers, times.
SELECT 'thread' AS kind, t.id AS first, t.id AS second, t.title AS third, NULL AS fourth, t.metadata::text AS fifth,
    NULL AS sixth, NULL::bigint AS seq, NULL::bigint AS number, t.created_at, t.updated_at
FROM mastra.thread AS t
WHERE t.resource_id = %(resource_id)s
UNION ALL
SELECT 'message', m.thread_id, m.id, m.role, m.type, m.content::text, m.tool_fields::text, m.seq, m.tokens,
    m.created_at, NULL
FROM mastra.thread AS t
JOIN mastra.message AS m ON m.thread_id = t.id
WHERE t.resource_id = %(resource_id)s
UNION ALL
SELECT 'working_memory', w.thread_id, NULL, NULL, NULL, w.value::text, NULL, NULL, w.version, w.updated_at, NULL
FROM mastra.working_memory AS w
WHERE w.resource_id = %(resource_id)s
UNION ALL
SELECT 'tool_result', CASE r.scope WHEN 'thread' THEN r.owner_id END, r.tool_name, r.args_hash, NULL, r.value::text,
    NULL, NULL, NULL, r.created_at, r.expires_at
FROM mastra.tool_result AS r
WHERE (r.scope = 'resource' AND r.owner_id = %(resource_id)s)
    OR (r.scope = 'thread' AND r.owner_id IN (
        SELECT t.id FROM mastra.thread AS t WHERE t.resource_id = %(resource_id)s))
ORDER BY first, seq, second, third
