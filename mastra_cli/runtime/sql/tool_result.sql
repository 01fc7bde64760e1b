-- What tools answered, for as long as it holds; what has expired is never returned.

-- name: save
-- An answer for a thread, or for all threads of its resource; no row when there is no such thread. A few of the
-- owner's expired ones go at the same time.
WITH owner AS MATERIALIZED (
    SELECT CASE %(scope)s WHEN 'thread' THEN t.id ELSE t.resource_id END AS id
    FROM mastra.thread AS t
    WHERE t.id = %(thread_id)s
    FOR KEY SHARE OF t  -- else the answer would outlive a thread that is being deleted
),
expired AS (
    DELETE FROM mastra.tool_result AS r
    USING (
        SELECT x.owner_id, x.scope, x.tool_name, x.args_hash
        FROM mastra.tool_result AS x
        JOIN owner AS o ON o.id = x.owner_id
        WHERE x.expires_at <= clock_timestamp()
            AND (x.scope, x.tool_name, x.args_hash) <> (%(scope)s, %(tool_name)s, %(args_hash)s)
        LIMIT 100
        FOR UPDATE OF x SKIP LOCKED
    ) AS x
    WHERE (r.owner_id, r.scope, r.tool_name, r.args_hash) = (x.owner_id, x.scope, x.tool_name, x.args_hash)
)
INSERT INTO mastra.tool_result AS r (owner_id, scope, tool_name, args_hash, value, created_at, expires_at)
SELECT o.id, %(scope)s, %(tool_name)s, %(args_hash)s, %(value)s::json, now.at,
    now.at + make_interval(secs => %(ttl)s)
FROM owner AS o
CROSS JOIN (SELECT clock_timestamp() AS at) AS now
ON CONFLICT (owner_id, scope, tool_name, args_hash) DO UPDATE
SET value = excluded.value, created_at = excluded.created_at, expires_at = excluded.expires_at
RETURNING r.value::text, r.created_at, r.expires_at

-- name: get
-- The thread's own answer, else the one that the resource's threads share.
SELECT r.value::text, r.created_at, r.expires_at
FROM mastra.thread AS t
JOIN mastra.tool_result AS r
    ON (r.owner_id, r.scope) IN ((t.id, 'thread'), (t.resource_id, 'resource'))
WHERE t.id = %(thread_id)s AND r.tool_name = %(tool_name)s AND r.args_hash = %(args_hash)s
    AND r.expires_at > clock_timestamp()
ORDER BY r.scope COLLATE "C" DESC
LIMIT 1

-- name: prune
-- A batch of those that have expired; how many.
WITH gone AS (
    DELETE FROM mastra.tool_result AS r
    USING (
        SELECT x.owner_id, x.scope, x.tool_name, x.args_hash
        FROM mastra.tool_result AS x
        WHERE x.expires_at <= clock_timestamp()
        ORDER BY x.expires_at
        LIMIT %(batch)s
        FOR UPDATE SKIP LOCKED
    ) AS x
    WHERE (r.owner_id, r.scope, r.tool_name, r.args_hash) = (x.owner_id, x.scope, x.tool_name, x.args_hash)
    RETURNING 1
)
SELECT count(*) FROM gone
