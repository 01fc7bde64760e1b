-- What an agent keeps in mind: one value for a resource ('' for the thread), or for one of its threads.

-- name: get
-- The value, if there is one.
SELECT w.value::text, w.version, w.updated_at
FROM mastra.working_memory AS w
WHERE w.resource_id = %(resource_id)s AND w.thread_id = %(thread_id)s

-- name: of_thread
-- The thread's own value, else its resource's.
SELECT w.value::text, w.version, w.updated_at
FROM mastra.thread AS t
JOIN mastra.working_memory AS w ON w.resource_id = t.resource_id AND w.thread_id IN (t.id, '')
WHERE t.id = %(thread_id)s
ORDER BY w.thread_id DESC
LIMIT 1

-- name: update
-- The new value, when the version is the expected one (0: there is none yet; null: whichever); else no row.
INSERT INTO mastra.working_memory AS w (resource_id, thread_id, value, version, updated_at)
SELECT %(resource_id)s, %(thread_id)s, %(value)s::json, 1, clock_timestamp()
WHERE coalesce(%(expected)s::bigint, 0) = 0 OR EXISTS (
    SELECT FROM mastra.working_memory AS x
    WHERE x.resource_id = %(resource_id)s AND x.thread_id = %(thread_id)s)
ON CONFLICT (resource_id, thread_id) DO UPDATE
SET value = excluded.value, version = w.version + 1, updated_at = greatest(w.updated_at, excluded.updated_at)
WHERE %(expected)s::bigint IS NULL OR w.version = %(expected)s::bigint
RETURNING w.value::text, w.version, w.updated_at
