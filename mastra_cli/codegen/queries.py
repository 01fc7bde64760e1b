"""What `catalog` asks of pg_catalog: one statement a kind of object, each for all of them at once."""

from __future__ import annotations

from typing import Final, LiteralString

# Whatever the role or the database has set: names come back qualified and constants in one notation.
SETTINGS: Final[LiteralString] = """
SELECT count(pg_catalog.set_config(name, value, true)) FROM (VALUES
  ('search_path', ''), ('datestyle', 'ISO, YMD'), ('intervalstyle', 'postgres'), ('timezone', 'UTC'),
  ('bytea_output', 'hex'), ('extra_float_digits', '1'), ('quote_all_identifiers', 'off'),
  ('statement_timeout', '60s')
) AS settings (name, value)
"""

SCHEMAS: Final[LiteralString] = """
SELECT nspname FROM pg_catalog.pg_namespace
WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
ORDER BY nspname COLLATE "C"
"""

# Partition children are left out (their parent stands for them), and so is what an extension brought.
RELATIONS: Final[LiteralString] = """
SELECT c.oid, n.nspname, c.relname, c.relkind::text, pg_catalog.obj_description(c.oid, 'pg_class') AS comment
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY(%(schemas)s) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
  AND c.relpersistence <> 't'
  AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d
                  WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"
"""

# `unproven`: a NOT NULL that was added NOT VALID (from 18 on, attnotnull is set for it too).
COLUMNS: Final[LiteralString] = """
SELECT a.attrelid, a.attname, a.attnum, a.atttypid, a.atttypmod, a.attnotnull,
       pg_catalog.format_type(a.atttypid, a.atttypmod) AS sql,
       d.adbin IS NOT NULL AS has_default, a.attidentity::text, a.attgenerated::text,
       coalesce(l.collisdeterministic, true) AS exact,
       pg_catalog.col_description(a.attrelid, a.attnum) AS comment,
       k.conrelid IS NOT NULL AS unproven
FROM pg_catalog.pg_attribute a
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
LEFT JOIN (SELECT conrelid, conkey[1] AS attnum FROM pg_catalog.pg_constraint
           WHERE contype = 'n' AND NOT convalidated) k ON k.conrelid = a.attrelid AND k.attnum = a.attnum
WHERE a.attrelid = ANY(%(relations)s) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
"""

CONSTRAINTS: Final[LiteralString] = """
SELECT k.conrelid, k.contypid, k.conname, k.contype::text,
       pg_catalog.pg_get_expr(k.conbin, k.conrelid) AS expression,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(number, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number
             ORDER BY u.place) AS columns,
       n.nspname AS target_schema, c.relname AS target,
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u(number, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number
             ORDER BY u.place) AS target_columns
FROM pg_catalog.pg_constraint k
LEFT JOIN pg_catalog.pg_class c ON c.oid = k.confrelid
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE (k.conrelid = ANY(%(relations)s) OR k.contypid <> 0) AND k.contype IN ('p', 'u', 'f', 'c')
  AND (k.convalidated OR k.contype = 'f')
ORDER BY k.contype = 'u', k.conname COLLATE "C", k.conrelid, k.contypid
"""

INDEXES: Final[LiteralString] = """
SELECT i.indrelid, c.relname, i.indisunique,
       pg_catalog.pg_get_indexdef(i.indexrelid) AS definition
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = ANY(%(relations)s)
  AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k
                  WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
ORDER BY i.indrelid, c.relname COLLATE "C"
"""

# Row types of tables are left out, unless a column has one. Hashed once: pg_attribute has no index on types.
TYPES: Final[LiteralString] = """
WITH used AS MATERIALIZED (
  SELECT DISTINCT atttypid FROM pg_catalog.pg_attribute WHERE attnum > 0 AND NOT attisdropped
)
SELECT t.oid, n.nspname, t.typname, t.typtype::text, coalesce(e.oid, 0) AS element,
       t.typrelid, t.typbasetype, t.typtypmod, t.typnotnull,
       t.typdefault IS NOT NULL AS has_default,
       CASE WHEN t.typtype = 'd' THEN pg_catalog.format_type(t.typbasetype, t.typtypmod) END AS sql,
       coalesce(l.collisdeterministic, true) AS exact,
       CASE WHEN t.typtype = 'c' THEN coalesce(pg_catalog.obj_description(t.oid, 'pg_type'),
                                               pg_catalog.obj_description(t.typrelid, 'pg_class'))
            ELSE pg_catalog.obj_description(t.oid, 'pg_type') END AS comment,
       x.objid IS NOT NULL AS extension
FROM pg_catalog.pg_type t
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_collation l ON l.oid = t.typcollation
LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND e.typarray = t.oid
LEFT JOIN pg_catalog.pg_class c ON c.oid = coalesce(nullif(e.typrelid, 0), nullif(t.typrelid, 0))
LEFT JOIN pg_catalog.pg_depend x ON x.classid = 'pg_catalog.pg_type'::regclass AND x.objid = t.oid
                                AND x.deptype = 'e'
WHERE c.oid IS NULL OR c.relkind = 'c'
   OR t.oid IN (SELECT atttypid FROM used) OR t.typarray IN (SELECT atttypid FROM used)
ORDER BY t.oid
"""

LABELS: Final[LiteralString] = """
SELECT enumtypid, array_agg(enumlabel::text ORDER BY enumsortorder) FROM pg_catalog.pg_enum GROUP BY enumtypid
"""

RANGES: Final[LiteralString] = """
SELECT r.rngtypid, r.rngmultitypid, r.rngsubtype FROM pg_catalog.pg_range r
"""

# A role that may not read it generates all the same.
HAS_REVISION: Final[LiteralString] = """
SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = 'mastra' AND c.relname = 'alembic_version'
                 AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
                 AND pg_catalog.has_table_privilege(c.oid, 'SELECT'))
"""
REVISION: Final[LiteralString] = """
SELECT string_agg(version_num, ',' ORDER BY version_num) FROM mastra.alembic_version
"""
