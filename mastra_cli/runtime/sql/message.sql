-- Messages: saved by the batch, read by the block.

-- name: append_one
-- The same as `append` for a single message, which needs no arrays: its number and the time.
WITH moved AS (
    UPDATE mastra.thread AS t
    SET last_seq = t.last_seq + 1,
        message_count = t.message_count + 1,
        token_count = t.token_count + %(tokens)s,
        updated_at = greatest(t.updated_at, clock_timestamp())
    WHERE t.id = %(thread_id)s
    RETURNING t.id, t.last_seq, t.updated_at
)
INSERT INTO mastra.message AS m (
    thread_id, seq, id, role, type, content, tool_fields, calls, tokens, search, created_at
)
SELECT s.id, s.last_seq, %(id)s, %(role)s, %(type)s, %(content)s::json, %(tool_fields)s::json, %(calls)s::json,
    %(tokens)s, to_tsvector('pg_catalog.simple', %(text)s), coalesce(%(created)s::timestamptz, s.updated_at)
FROM moved AS s
RETURNING m.seq, m.created_at

-- name: append
-- A batch of messages whose ids are new for certain, to the end of one thread: takes as many numbers from the
-- thread's row, and inserts. The last of the numbers and the time; no row when there is no such thread.
WITH moved AS (
    UPDATE mastra.thread AS t
    SET last_seq = t.last_seq + %(count)s,
        message_count = t.message_count + %(count)s,
        token_count = t.token_count + %(total)s,
        updated_at = greatest(t.updated_at, clock_timestamp())
    WHERE t.id = %(thread_id)s
    RETURNING t.id, t.last_seq, t.updated_at
),
added AS (
    INSERT INTO mastra.message (
        thread_id, seq, id, role, type, content, tool_fields, calls, tokens, search, created_at
    )
    SELECT s.id, s.last_seq - %(count)s + g.place, g.id, g.role, g.type, g.content::json, g.tool_fields::json,
        g.calls::json, g.tokens, to_tsvector('pg_catalog.simple', g.text), coalesce(g.created_at, s.updated_at)
    FROM moved AS s
    CROSS JOIN unnest(
        %(ids)b::text[], %(roles)b::text[], %(types)b::text[], %(contents)b::text[], %(tool_fields)b::text[],
        %(calls)b::text[], %(tokens)s::bigint[], %(texts)b::text[], %(created)s::timestamptz[]
    ) WITH ORDINALITY AS g (id, role, type, content, tool_fields, calls, tokens, text, created_at, place)
)
SELECT s.last_seq, s.updated_at FROM moved AS s

-- name: save
-- A batch of messages, of one thread or of several whose rows are locked already: finds which ids are there, takes
-- as many numbers as there are new ones from the thread's row, inserts, replaces what differs, deletes the further
-- pieces (`id#2` ...) of a whole message that has fewer of them now, and puts tool results that came with it into the
-- cache. With a resource the thread is made when it is missing.
-- A row a message, in order: the thread's resource as it was (null: no thread); seq, time and version, null when
-- another writer was quicker: then nothing was written, and it is done again under the thread's lock; whether the
-- message is new.
WITH given AS MATERIALIZED (
    SELECT *
    FROM unnest(
        %(thread_ids)b::text[], %(ids)b::text[], %(roles)b::text[], %(types)b::text[], %(contents)b::text[],
        %(tool_fields)b::text[], %(calls)b::text[], %(tokens)s::bigint[], %(texts)b::text[],
        %(created)s::timestamptz[], %(wholes)s::boolean[]
    ) WITH ORDINALITY AS g (
        thread_id, id, role, type, content, tool_fields, calls, tokens, text, created_at, whole, place
    )
),
there AS MATERIALIZED (
    SELECT g.place, m.seq, m.tokens, m.version, m.created_at,
        (m.role, m.type, m.content::text, m.tool_fields::text)
        IS DISTINCT FROM (g.role, g.type, g.content, g.tool_fields) AS changed
    FROM given AS g
    JOIN mastra.message AS m ON m.thread_id = g.thread_id AND m.id = g.id
),
stale AS MATERIALIZED (
    SELECT m.thread_id, m.seq, m.tokens
    FROM given AS g
    CROSS JOIN LATERAL (
        SELECT m.thread_id, m.id, m.seq, m.tokens
        FROM mastra.message AS m
        WHERE m.thread_id = g.thread_id AND m.id > g.id || '#' AND m.id < g.id || '$'
        ORDER BY m.id
    ) AS m
    WHERE g.whole AND substr(m.id, length(g.id) + 2) ~ '^[1-9][0-9]*$'
        AND NOT EXISTS (SELECT FROM given AS o WHERE o.thread_id = m.thread_id AND o.id = m.id)
),
work AS MATERIALIZED (
    SELECT g.thread_id,
        count(*) FILTER (WHERE t.place IS NULL) AS added,
        coalesce(max(r.messages), 0) AS removed,
        coalesce(bool_or(t.changed), false) OR count(r.messages) > 0 AS replaces,
        coalesce(sum(g.tokens - coalesce(t.tokens, 0)) FILTER (WHERE t.changed IS NOT false), 0)
        - coalesce(max(r.tokens), 0) AS tokens
    FROM given AS g
    LEFT JOIN there AS t USING (place)
    LEFT JOIN (
        SELECT s.thread_id, count(*) AS messages, sum(s.tokens) AS tokens FROM stale AS s GROUP BY s.thread_id
    ) AS r ON r.thread_id = g.thread_id
    GROUP BY g.thread_id
),
moved AS (
    UPDATE mastra.thread AS t
    SET last_seq = t.last_seq + w.added,
        revision = t.revision + w.replaces::int,
        message_count = t.message_count + w.added - w.removed,
        token_count = t.token_count + w.tokens,
        updated_at = greatest(t.updated_at, clock_timestamp())
    FROM work AS w
    JOIN mastra.thread AS before ON before.id = w.thread_id
    WHERE t.id = w.thread_id
        AND (w.added > 0 OR w.replaces)
        AND (%(resource_id)s::text IS NULL OR t.resource_id = %(resource_id)s)
        -- What is replaced was read before the lock was had: no other may have replaced or deleted meanwhile.
        AND (NOT w.replaces OR t.revision = before.revision)
    RETURNING t.id, t.last_seq, t.updated_at
),
made AS (
    INSERT INTO mastra.thread AS t (
        id, resource_id, title, last_seq, message_count, token_count, created_at, updated_at
    )
    SELECT w.thread_id, %(resource_id)s, %(title)s::text, w.added, w.added, w.tokens, now.at, now.at
    FROM work AS w
    CROSS JOIN (SELECT clock_timestamp() AS at) AS now
    WHERE %(resource_id)s::text IS NOT NULL
        AND NOT EXISTS (SELECT FROM mastra.thread AS before WHERE before.id = w.thread_id)
    ON CONFLICT (id) DO UPDATE
    SET last_seq = t.last_seq + excluded.last_seq,
        message_count = t.message_count + excluded.message_count,
        token_count = t.token_count + excluded.token_count,
        updated_at = greatest(t.updated_at, excluded.updated_at)
    WHERE t.resource_id = excluded.resource_id
    RETURNING t.id, t.last_seq, t.updated_at
),
stepped AS MATERIALIZED (
    SELECT * FROM moved UNION ALL SELECT * FROM made
),
numbered AS MATERIALIZED (
    SELECT g.place, s.last_seq - w.added + row_number() OVER (PARTITION BY g.thread_id ORDER BY g.place) AS seq,
        coalesce(g.created_at, s.updated_at) AS created_at
    FROM given AS g
    JOIN work AS w ON w.thread_id = g.thread_id
    JOIN stepped AS s ON s.id = g.thread_id
    WHERE NOT EXISTS (SELECT FROM there AS t WHERE t.place = g.place)
),
added AS (
    INSERT INTO mastra.message (
        thread_id, seq, id, role, type, content, tool_fields, calls, tokens, search, created_at
    )
    SELECT g.thread_id, n.seq, g.id, g.role, g.type, g.content::json, g.tool_fields::json, g.calls::json, g.tokens,
        to_tsvector('pg_catalog.simple', g.text), n.created_at
    FROM numbered AS n
    JOIN given AS g USING (place)
),
replaced AS (
    UPDATE mastra.message AS m
    SET role = g.role, type = g.type, content = g.content::json, tool_fields = g.tool_fields::json,
        calls = g.calls::json, tokens = g.tokens, search = to_tsvector('pg_catalog.simple', g.text),
        version = m.version + 1, created_at = coalesce(g.created_at, m.created_at)
    FROM there AS t
    JOIN given AS g USING (place)
    JOIN stepped AS s ON s.id = g.thread_id
    WHERE t.changed AND m.thread_id = g.thread_id AND m.seq = t.seq
),
removed AS (
    DELETE FROM mastra.message AS m
    USING stale AS t, stepped AS s
    WHERE s.id = t.thread_id AND m.thread_id = t.thread_id AND m.seq = t.seq
),
answered AS MATERIALIZED (
    SELECT r.thread_id, r.value, coalesce(r.tool_name, c.tool_name) AS tool_name,
        coalesce(r.args_hash, c.args_hash) AS args_hash, s.updated_at
    FROM unnest(
        %(result_threads)b::text[], %(result_calls)b::text[], %(result_names)b::text[], %(result_hashes)b::text[],
        %(result_values)b::text[]
    ) AS r (thread_id, call_id, tool_name, args_hash, value)
    JOIN stepped AS s ON s.id = r.thread_id
    -- The call may have come with an earlier batch: it is looked for among the thread's newest messages.
    LEFT JOIN LATERAL (
        SELECT call.value ->> 1 AS tool_name, call.value ->> 2 AS args_hash
        FROM (
            SELECT m.seq, m.calls
            FROM mastra.message AS m
            WHERE m.thread_id = r.thread_id AND r.args_hash IS NULL
            ORDER BY m.seq DESC
            LIMIT 64
        ) AS m
        CROSS JOIN json_array_elements(m.calls) AS call
        WHERE call.value ->> 0 = r.call_id
        ORDER BY m.seq DESC
        LIMIT 1
    ) AS c ON true
),
cached AS (
    INSERT INTO mastra.tool_result AS t (owner_id, scope, tool_name, args_hash, value, created_at, expires_at)
    SELECT DISTINCT ON (a.thread_id, a.tool_name, a.args_hash)
        a.thread_id, 'thread', a.tool_name, a.args_hash, a.value::json, a.updated_at,
        a.updated_at + make_interval(secs => %(ttl)s)
    FROM answered AS a
    WHERE a.args_hash IS NOT NULL
    ORDER BY a.thread_id, a.tool_name, a.args_hash
    ON CONFLICT (owner_id, scope, tool_name, args_hash) DO UPDATE
    SET value = excluded.value, created_at = excluded.created_at, expires_at = excluded.expires_at
)
SELECT before.resource_id,
    CASE WHEN w.replaces AND s.id IS NULL THEN NULL ELSE coalesce(n.seq, t.seq) END AS seq,
    CASE WHEN t.changed THEN coalesce(g.created_at, t.created_at) ELSE coalesce(n.created_at, t.created_at) END
        AS created_at,
    coalesce(t.version + t.changed::int, 1) AS version,
    t.place IS NULL AS fresh
FROM given AS g
JOIN work AS w ON w.thread_id = g.thread_id
LEFT JOIN there AS t USING (place)
LEFT JOIN numbered AS n USING (place)
LEFT JOIN stepped AS s ON s.id = g.thread_id
LEFT JOIN mastra.thread AS before ON before.id = g.thread_id
ORDER BY g.place

-- name: same
-- Which messages of a batch are there just as they are given: their places, from 0.
SELECT g.place - 1
FROM unnest(
    %(thread_ids)b::text[], %(ids)b::text[], %(roles)b::text[], %(types)b::text[], %(contents)b::text[],
    %(tool_fields)b::text[]
) WITH ORDINALITY AS g (thread_id, id, role, type, content, tool_fields, place)
JOIN mastra.message AS m ON m.thread_id = g.thread_id AND m.id = g.id
WHERE (m.role, m.type, m.content::text, m.tool_fields::text)
    IS NOT DISTINCT FROM (g.role, g.type, g.content, g.tool_fields)

-- name: window
-- A block of the newest messages below a seq, newest first, cut where the budget is certainly spent: beyond the
-- newest turn's start, below a seq that must be in, and over the budget by messages that can not be left out. With
-- the thread's totals; a thread without messages there: one row of nulls.
SELECT b.id, t.id AS thread_id, b.seq, b.role, b.type, b.content::text, b.tool_fields::text, b.tokens, b.created_at,
    t.message_count, t.token_count
FROM mastra.thread AS t
LEFT JOIN LATERAL (
    SELECT m.*,
        sum(CASE WHEN m.type = 'text' AND m.role <> 'tool' THEN m.tokens ELSE 0 END) OVER newer
        - CASE WHEN m.type = 'text' AND m.role <> 'tool' THEN m.tokens ELSE 0 END AS spent,
        count(*) FILTER (WHERE m.role IN ('user', 'system')) OVER newer
        - (m.role IN ('user', 'system'))::int AS starts
    FROM (
        SELECT m.id, m.seq, m.role, m.type, m.content, m.tool_fields, m.tokens, m.created_at
        FROM mastra.message AS m
        WHERE m.thread_id = t.id AND m.seq < %(below)s
        ORDER BY m.seq DESC
        LIMIT %(block)s
    ) AS m
    WINDOW newer AS (ORDER BY m.seq DESC ROWS UNBOUNDED PRECEDING)
) AS b ON b.spent <= %(budget)s OR b.seq >= %(must)s OR (b.starts = 0 AND NOT %(started)s)
WHERE t.id = %(thread_id)s
ORDER BY b.seq DESC

-- name: window_dated
-- The same for a range of times, both ends in; without totals.
SELECT m.id, m.thread_id, m.seq, m.role, m.type, m.content::text, m.tool_fields::text, m.tokens, m.created_at
FROM mastra.message AS m
WHERE m.thread_id = %(thread_id)s AND m.seq < %(below)s
    AND m.created_at BETWEEN %(start)s::timestamptz AND %(end)s::timestamptz
ORDER BY m.seq DESC
LIMIT %(block)s

-- name: newest
-- The newest messages between two others, newest first.
SELECT m.id, m.thread_id, m.seq, m.role, m.type, m.content::text, m.tool_fields::text, m.tokens, m.created_at
FROM mastra.message AS m
WHERE m.thread_id = %(thread_id)s
    AND m.seq > CASE WHEN %(after)s::text IS NULL THEN 0 ELSE (
        SELECT a.seq FROM mastra.message AS a WHERE a.thread_id = %(thread_id)s AND a.id = %(after)s) END
    AND m.seq < CASE WHEN %(before)s::text IS NULL THEN 9223372036854775807 ELSE (
        SELECT b.seq FROM mastra.message AS b WHERE b.thread_id = %(thread_id)s AND b.id = %(before)s) END
ORDER BY m.seq DESC
LIMIT %(limit)s

-- name: oldest
-- The oldest messages between two others, oldest first.
SELECT m.id, m.thread_id, m.seq, m.role, m.type, m.content::text, m.tool_fields::text, m.tokens, m.created_at
FROM mastra.message AS m
WHERE m.thread_id = %(thread_id)s
    AND m.seq > CASE WHEN %(after)s::text IS NULL THEN 0 ELSE (
        SELECT a.seq FROM mastra.message AS a WHERE a.thread_id = %(thread_id)s AND a.id = %(after)s) END
    AND m.seq < CASE WHEN %(before)s::text IS NULL THEN 9223372036854775807 ELSE (
        SELECT b.seq FROM mastra.message AS b WHERE b.thread_id = %(thread_id)s AND b.id = %(before)s) END
ORDER BY m.seq
LIMIT %(limit)s

-- name: find
-- Where messages of these ids stand.
SELECT m.id, m.thread_id
FROM mastra.message AS m
WHERE m.id = ANY (%(ids)s)
ORDER BY m.id, m.thread_id

-- name: delete
-- Messages by thread and id, with the further pieces of each (`id#2` ...); the threads' totals go down with them.
-- Sets how long this transaction waits for a lock. How many.
WITH given AS MATERIALIZED (
    SELECT DISTINCT *
    FROM unnest(%(thread_ids)s::text[], %(ids)s::text[]) AS g (thread_id, id)
    WHERE pg_catalog.set_config('lock_timeout', %(patience)s, true) IS NOT NULL
),
locked AS MATERIALIZED (
    SELECT t.id
    FROM mastra.thread AS t
    WHERE t.id IN (SELECT g.thread_id FROM given AS g)
    ORDER BY t.id
    FOR NO KEY UPDATE
),
pieces AS MATERIALIZED (
    SELECT m.thread_id, m.seq
    FROM given AS g
    JOIN mastra.message AS m ON m.thread_id = g.thread_id AND m.id = g.id
    UNION
    SELECT m.thread_id, m.seq
    FROM given AS g
    CROSS JOIN LATERAL (
        SELECT m.thread_id, m.id, m.seq
        FROM mastra.message AS m
        WHERE m.thread_id = g.thread_id AND m.id > g.id || '#' AND m.id < g.id || '$'
        ORDER BY m.id
    ) AS m
    WHERE substr(m.id, length(g.id) + 2) ~ '^[1-9][0-9]*$'
),
gone AS (
    DELETE FROM mastra.message AS m
    USING locked AS l, pieces AS p
    WHERE p.thread_id = l.id AND m.thread_id = l.id AND m.seq = p.seq
    RETURNING m.thread_id, m.tokens
),
totals AS (
    SELECT g.thread_id, count(*) AS messages, sum(g.tokens) AS tokens FROM gone AS g GROUP BY g.thread_id
),
noted AS (
    UPDATE mastra.thread AS t
    SET message_count = t.message_count - s.messages, token_count = t.token_count - s.tokens,
        revision = t.revision + 1
    FROM totals AS s
    WHERE t.id = s.thread_id
)
SELECT coalesce(sum(s.messages), 0)::bigint FROM totals AS s
