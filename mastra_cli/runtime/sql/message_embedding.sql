-- The embeddings of messages. The table is made by `create_memory_index`; the vector type and its operators are
-- found through the transaction's search_path, since the extension may live in any schema.

-- name: prepare
-- Sets, for this transaction, where the vector type is and how its index is scanned; no row without the extension.
SELECT set_config('search_path', quote_ident(n.nspname), true),
    CASE
        WHEN string_to_array(e.extversion, '.')::int[] >= '{0,8}'
        THEN set_config('hnsw.iterative_scan', 'relaxed_order', true)
    END
FROM pg_extension AS e
JOIN pg_namespace AS n ON n.oid = e.extnamespace
WHERE e.extname = 'vector'

-- name: dimension
-- The dimension of the embeddings; no row when their table is not there.
SELECT a.atttypmod
FROM pg_attribute AS a
WHERE a.attrelid = to_regclass('mastra.message_embedding') AND a.attname = 'embedding' AND NOT a.attisdropped

-- name: create_table
-- The table, up to the dimension that an index of full precision takes. The client binds the dimension.
CREATE TABLE mastra.message_embedding (
    thread_id text COLLATE "C" NOT NULL,
    message_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    embedding vector(%(dimension)s) NOT NULL,
    PRIMARY KEY (thread_id, message_id),
    FOREIGN KEY (thread_id, message_id) REFERENCES mastra.message (thread_id, id) ON DELETE CASCADE
)

-- name: create_half_table
-- The same in half precision, above that dimension.
CREATE TABLE mastra.message_embedding (
    thread_id text COLLATE "C" NOT NULL,
    message_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    embedding halfvec(%(dimension)s) NOT NULL,
    PRIMARY KEY (thread_id, message_id),
    FOREIGN KEY (thread_id, message_id) REFERENCES mastra.message (thread_id, id) ON DELETE CASCADE
)

-- name: create_index
-- The index for the nearest by angle.
CREATE INDEX message_embedding_vector_idx ON mastra.message_embedding USING hnsw (embedding vector_cosine_ops)

-- name: create_half_index
-- The same in half precision.
CREATE INDEX message_embedding_vector_idx ON mastra.message_embedding USING hnsw (embedding halfvec_cosine_ops)

-- name: save
-- The embeddings of messages as they are in this version; those of messages that have changed since are left out.
-- All numbers come in one array, one vector after the other. How many.
WITH saved AS (
    INSERT INTO mastra.message_embedding AS e (thread_id, message_id, version, embedding)
    SELECT m.thread_id, m.id, m.version,
        (%(numbers)s::real[])[(g.place - 1) * %(dimension)s + 1 : g.place * %(dimension)s]
    FROM unnest(%(thread_ids)s::text[], %(ids)s::text[], %(versions)s::bigint[]) WITH ORDINALITY
        AS g (thread_id, id, version, place)
    JOIN mastra.message AS m ON m.thread_id = g.thread_id AND m.id = g.id AND m.version = g.version
    ON CONFLICT (thread_id, message_id) DO UPDATE
    SET version = excluded.version, embedding = excluded.embedding
    RETURNING 1
)
SELECT count(*) FROM saved

-- name: pending
-- A batch of messages whose embedding is not there, or is that of an older version, beyond a place.
SELECT m.id, m.thread_id, m.seq, m.role, m.type, m.content::text, m.tool_fields::text, m.tokens, m.created_at,
    m.version
FROM mastra.message AS m
WHERE (m.thread_id, m.seq) > (%(thread_id)s, %(seq)s) AND m.search IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM mastra.message_embedding AS e
        WHERE e.thread_id = m.thread_id AND e.message_id = m.id AND e.version = m.version)
ORDER BY m.thread_id, m.seq
LIMIT %(batch)s

-- name: in_scope
-- How many embeddings there are to search, counted to a bound.
WITH scope AS MATERIALIZED (
    SELECT t.id FROM mastra.thread AS t
    WHERE t.id = %(thread_id)s AND (%(resource_id)s::text IS NULL OR t.resource_id = %(resource_id)s)
    UNION ALL
    SELECT t.id FROM mastra.thread AS t
    WHERE %(thread_id)s::text IS NULL AND t.resource_id = %(resource_id)s
)
SELECT count(*)
FROM (
    SELECT FROM mastra.message_embedding AS e
    WHERE e.thread_id IN (SELECT s.id FROM scope AS s)
    LIMIT %(bound)s
) AS e

-- name: nearest
-- The nearest of the scope, all of them compared. (thread, seq).
WITH scope AS MATERIALIZED (
    SELECT t.id FROM mastra.thread AS t
    WHERE t.id = %(thread_id)s AND (%(resource_id)s::text IS NULL OR t.resource_id = %(resource_id)s)
    UNION ALL
    SELECT t.id FROM mastra.thread AS t
    WHERE %(thread_id)s::text IS NULL AND t.resource_id = %(resource_id)s
),
compared AS MATERIALIZED (
    SELECT e.thread_id, e.message_id, e.version, e.embedding <=> %(embedding)s AS distance
    FROM mastra.message_embedding AS e
    WHERE e.thread_id IN (SELECT s.id FROM scope AS s)
)
SELECT m.thread_id, m.seq
FROM compared AS e
JOIN mastra.message AS m ON m.thread_id = e.thread_id AND m.id = e.message_id AND m.version = e.version
ORDER BY e.distance, m.thread_id, m.seq
LIMIT %(limit)s

-- name: nearest_by_index
-- The nearest of a large scope, by the index: most of them, sooner.
WITH scope AS MATERIALIZED (
    SELECT t.id FROM mastra.thread AS t
    WHERE t.id = %(thread_id)s AND (%(resource_id)s::text IS NULL OR t.resource_id = %(resource_id)s)
    UNION ALL
    SELECT t.id FROM mastra.thread AS t
    WHERE %(thread_id)s::text IS NULL AND t.resource_id = %(resource_id)s
),
near AS MATERIALIZED (
    SELECT e.thread_id, e.message_id, e.version, e.embedding <=> %(embedding)s AS distance
    FROM mastra.message_embedding AS e
    WHERE EXISTS (SELECT FROM scope AS s WHERE s.id = e.thread_id)
    ORDER BY e.embedding <=> %(embedding)s
    LIMIT %(limit)s
)
SELECT m.thread_id, m.seq
FROM near AS e
JOIN mastra.message AS m ON m.thread_id = e.thread_id AND m.id = e.message_id AND m.version = e.version
ORDER BY e.distance, m.thread_id, m.seq

-- name: serialize
-- Two that make the table at once wait for each other here.
LOCK TABLE mastra.message IN SHARE ROW EXCLUSIVE MODE
