-- Searching messages by their words, in one thread or in all threads of a resource.

-- name: keyword
-- The messages that hold words of the query, the best first: rare words count more, and a word that more than a
-- thousand messages hold counts only when there is no rarer one. Of a very long query the words that the statistics do
-- not know as common, the longest first. (thread, seq).
WITH scope AS MATERIALIZED (
    SELECT t.id FROM mastra.thread AS t
    WHERE t.id = %(thread_id)s AND (%(resource_id)s::text IS NULL OR t.resource_id = %(resource_id)s)
    UNION ALL
    SELECT t.id FROM mastra.thread AS t
    WHERE %(thread_id)s::text IS NULL AND t.resource_id = %(resource_id)s
),
common AS MATERIALIZED (
    SELECT e.word, e.frequency
    FROM pg_catalog.pg_stats AS s
    CROSS JOIN unnest(s.most_common_elems::text::text[], s.most_common_elem_freqs) AS e (word, frequency)
    WHERE s.schemaname = 'mastra' AND s.tablename = 'message' AND s.attname = 'search'
),
words AS MATERIALIZED (
    SELECT ('''' || replace(replace(u.lexeme, '\', '\\'), '''', '''''') || '''')::tsquery AS word
    FROM unnest(to_tsvector('pg_catalog.simple', %(query)s)) AS u
    LEFT JOIN common AS c ON c.word = u.lexeme
    ORDER BY coalesce(c.frequency, 0), length(u.lexeme) DESC, u.lexeme COLLATE "C"
    LIMIT 64
),
counted AS MATERIALIZED (
    SELECT w.word, (
        SELECT count(*)
        FROM (
            SELECT FROM mastra.message AS m
            WHERE m.search @@ w.word AND m.thread_id IN (SELECT s.id FROM scope AS s)
            LIMIT 1001
        ) AS m
    ) AS messages
    FROM words AS w
),
kept AS MATERIALIZED (
    SELECT c.word, c.messages
    FROM counted AS c
    WHERE c.messages > 0
        AND (c.messages <= 1000 OR NOT EXISTS (SELECT FROM counted AS r WHERE r.messages BETWEEN 1 AND 1000))
)
SELECT m.thread_id, m.seq
FROM kept AS k
JOIN mastra.message AS m ON m.search @@ k.word
WHERE m.thread_id IN (SELECT s.id FROM scope AS s)
GROUP BY m.thread_id, m.seq
ORDER BY sum(1 / (1 + ln(k.messages))) DESC, m.seq DESC, m.thread_id
LIMIT %(limit)s

-- name: around
-- Messages by thread and seq, each with its neighbours: the place of the one that was asked for, the message.
SELECT m.id, m.thread_id, m.seq, m.role, m.type, m.content::text, m.tool_fields::text, m.tokens, m.created_at, h.place
FROM unnest(%(thread_ids)s::text[], %(seqs)s::bigint[]) WITH ORDINALITY AS h (thread_id, seq, place)
CROSS JOIN LATERAL (
    (
        SELECT * FROM mastra.message AS o
        WHERE o.thread_id = h.thread_id AND o.seq <= h.seq
        ORDER BY o.seq DESC
        LIMIT %(before)s + 1
    )
    UNION ALL
    (
        SELECT * FROM mastra.message AS y
        WHERE y.thread_id = h.thread_id AND y.seq > h.seq
        ORDER BY y.seq
        LIMIT %(after)s
    )
) AS m
ORDER BY h.place, m.seq
