-- What opens and ends transactions, and what became of one.

-- name: who
-- The server's own process id: another than the one that the connection was told means a pooler between. With
-- none the session compiles no expressions, unless the connection `asked` for it: for what may have to be read
-- and is not, a plan can look so dear that a search of two milliseconds would be compiled for a second. And UTC
-- is called UTC, the one name under which times need no conversion here.
SELECT pg_catalog.pg_backend_pid(),
       CASE WHEN pg_catalog.pg_backend_pid() = %(told)s AND NOT %(asked)s
                 AND pg_catalog.current_setting('jit', true) = 'on'
            THEN pg_catalog.set_config('jit', 'off', false) END,
       CASE WHEN pg_catalog.pg_backend_pid() = %(told)s
                 AND pg_catalog.current_setting('TimeZone') IN ('Etc/UTC', 'Etc/UCT', 'Etc/Zulu', 'UCT', 'Zulu')
            THEN pg_catalog.set_config('TimeZone', 'UTC', false) END

-- name: busy
-- A row when that process works on a statement; how far it is where the server tells, which is for indexes alone.
SELECT (SELECT p::text FROM pg_catalog.pg_stat_progress_create_index p WHERE p.pid = a.pid)
FROM pg_catalog.pg_stat_activity a WHERE a.pid = %(pid)s AND a.state = 'active'

-- name: begin
-- The isolation is said: the server's default may be another. The transaction's id is read at once, so that a
-- lost answer to COMMIT can be asked for later. Two statements, one round trip.
BEGIN ISOLATION LEVEL READ COMMITTED;
SELECT pg_catalog.pg_current_xact_id()::text

-- name: begin_reading
-- For a long read: one snapshot, nothing written.
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY

-- name: commit
-- The end that keeps.
COMMIT

-- name: rollback
-- The end that forgets.
ROLLBACK

-- name: outcome
-- What became of a transaction: committed, aborted, in progress; null when the server no longer knows.
SELECT pg_catalog.pg_xact_status(%(xid)s::xid8)
