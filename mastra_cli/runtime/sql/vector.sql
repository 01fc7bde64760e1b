-- What the catalogue says of vector indexes: a table each, with `vector_id`, `embedding` and `metadata`.

-- name: index
-- All that is to be known of one index. No row: there is no such table; `kind` null: it is no
-- vector index. `ann` is the state of `<name>_vector_idx`, whoever built it.
SELECT
    e.type AS kind,
    e.dimension,
    e.nullable,
    x.nspname AS extension,
    x.extversion AS version,
    pg_catalog.obj_description(t.oid, 'pg_class') AS comment,
    EXISTS (SELECT FROM pg_catalog.pg_attribute a
            WHERE a.attrelid = t.oid AND a.attname = 'namespace' AND NOT a.attisdropped) AS namespaced,
    EXISTS (SELECT FROM pg_catalog.pg_attribute a
            WHERE a.attrelid = t.oid AND a.attname = 'document' AND NOT a.attisdropped) AS documents,
    EXISTS (SELECT FROM pg_catalog.pg_index i
            WHERE i.indrelid = t.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
              AND (SELECT pg_catalog.array_agg(a.attname::text ORDER BY a.attname)
                   FROM pg_catalog.unnest(i.indkey::int2[]) k (attnum)
                   JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum
                  ) = ARRAY['namespace', 'vector_id']) AS by_namespace,
    ann.method,
    ann.valid,
    ann.class,
    ann.options,
    pg_catalog.pg_relation_size(t.oid) / pg_catalog.current_setting('block_size')::bigint AS blocks,
    -- Only what was analysed or vacuumed says how many rows a block holds, and which namespace they are all of.
    CASE WHEN t.reltuples > 0 AND t.relpages > 0 THEN t.reltuples / t.relpages END AS density,
    (SELECT (s.most_common_vals::text::text[])[1] FROM pg_catalog.pg_stats s
     WHERE s.schemaname = n.nspname AND s.tablename = t.relname AND s.attname = 'namespace'
       AND s.n_distinct = 1) AS only
FROM pg_catalog.pg_class t
JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
LEFT JOIN (SELECT s.nspname, p.extversion
           FROM pg_catalog.pg_extension p JOIN pg_catalog.pg_namespace s ON s.oid = p.extnamespace
           WHERE p.extname = 'vector') x ON true
LEFT JOIN LATERAL (
    SELECT y.typname::text AS type, a.atttypmod AS dimension, NOT a.attnotnull AS nullable
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
    WHERE a.attrelid = t.oid AND a.attname = 'embedding' AND NOT a.attisdropped
      AND y.typname IN ('vector', 'halfvec', 'bit', 'sparsevec')
      AND EXISTS (SELECT FROM pg_catalog.pg_attribute v
                  WHERE v.attrelid = t.oid AND v.attname = 'vector_id' AND NOT v.attisdropped)
) e ON true
LEFT JOIN LATERAL (
    SELECT m.amname::text AS method, i.indisvalid AS valid, o.opcname::text AS class,
           pg_catalog.array_to_string(c.reloptions, ',') AS options
    FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    JOIN pg_catalog.pg_am m ON m.oid = c.relam
    JOIN pg_catalog.pg_opclass o ON o.oid = i.indclass[0]
    WHERE i.indrelid = t.oid AND c.relname = %(name)s || '_vector_idx' AND m.amname IN ('hnsw', 'ivfflat')
      AND i.indpred IS NULL
) ann ON true
WHERE n.nspname = %(schema)s AND t.relname = %(name)s AND t.relkind IN ('r', 'p')

-- name: extension
-- Where pgvector lives, and which version; no row: nowhere.
SELECT s.nspname::text, e.extversion
FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace s ON s.oid = e.extnamespace
WHERE e.extname = 'vector'

-- name: create_extension
-- Into the schema where every search_path finds it.
CREATE EXTENSION IF NOT EXISTS vector SCHEMA public

-- name: indexes
-- The names of all vector indexes of a schema.
SELECT t.relname::text
FROM pg_catalog.pg_class t
JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
WHERE n.nspname = %(schema)s AND t.relkind IN ('r', 'p')
  AND (SELECT count(*) FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
       WHERE a.attrelid = t.oid AND NOT a.attisdropped
         AND (a.attname = 'vector_id' AND y.typname = 'text'
              OR a.attname = 'embedding' AND y.typname IN ('vector', 'halfvec', 'bit', 'sparsevec')
              OR a.attname = 'metadata' AND y.typname = 'jsonb')) = 3
ORDER BY t.relname COLLATE "C"

-- name: language
-- A text search configuration by its name, qualified; no row: there is none.
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.cfgname)
FROM pg_catalog.pg_ts_config c JOIN pg_catalog.pg_namespace n ON n.oid = c.cfgnamespace
WHERE c.cfgname = %(name)s
ORDER BY n.nspname <> 'pg_catalog', n.nspname COLLATE "C"
LIMIT 1

-- name: workshop
-- What a build has to work with: memory in kB, workers, and the mounts where this role may read them.
SELECT
    (SELECT setting::bigint FROM pg_catalog.pg_settings WHERE name = 'maintenance_work_mem') AS memory,
    (SELECT setting::int FROM pg_catalog.pg_settings WHERE name = 'max_parallel_maintenance_workers') AS workers,
    CASE WHEN pg_catalog.has_function_privilege('pg_catalog.pg_read_file(text, boolean)', 'EXECUTE')
         THEN pg_catalog.pg_read_file('/proc/mounts', true) END AS mounts

-- name: progress
-- How far the build of an index has come.
SELECT p.phase, p.tuples_done, p.tuples_total, p.blocks_done, p.blocks_total
FROM pg_catalog.pg_stat_progress_create_index p
JOIN pg_catalog.pg_class t ON t.oid = p.relid
JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
WHERE n.nspname = %(schema)s AND t.relname = %(name)s
  AND p.datname = pg_catalog.current_database()
