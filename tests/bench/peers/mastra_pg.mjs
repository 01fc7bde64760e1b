// @mastra/pg: PgVector with an index on what is filtered by, and PostgresStore's memory.
import { randomUUID } from "crypto";
import { PgVector, PostgresStore } from "@mastra/pg";
import { numbers, serve, timed } from "./wire.mjs";

const url = process.argv[2];
let vectors, store, memory;

async function upsert({ path, dimension }) {
  vectors ??= new PgVector({ id: "bench", connectionString: url });
  const data = numbers(path, dimension);
  try {
    await vectors.deleteIndex({ indexName: "docs" });
  } catch {}
  await vectors.createIndex({ indexName: "docs", dimension, buildIndex: false, metadataIndexes: ["hundredth"] });
  const ids = data.map((_, i) => `v${i}`);
  const metadata = data.map((_, i) => ({ hundredth: i % 100, text: `passage number ${i}` }));
  return timed(() => vectors.upsert({ indexName: "docs", vectors: data, ids, metadata }));
}

const index = () =>
  timed(() =>
    vectors.buildIndex({
      indexName: "docs",
      metric: "cosine",
      indexConfig: { type: "hnsw", hnsw: { m: 16, efConstruction: 64 } },
    }),
  );

async function query({ path, dimension, clients, ef, filtered }) {
  const questions = numbers(path, dimension);
  const found = questions.map(() => []);
  const client = async (number) => {
    for (let i = number; i < questions.length; i += clients) {
      const rows = await vectors.query({
        indexName: "docs",
        queryVector: questions[i],
        topK: 10,
        ef,
        ...(filtered ? { filter: { hundredth: 7 } } : {}),
      });
      found[i] = rows.map((row) => row.id);
    }
  };
  const seconds = await timed(() => Promise.all(Array.from({ length: clients }, (_, i) => client(i))));
  return { seconds, found };
}

async function open({ threads = [] }) {
  store = new PostgresStore({ id: "bench", connectionString: url });
  await store.init();
  memory = store.stores.memory;
  const now = new Date();
  for (const id of threads)
    await memory.saveThread({ thread: { id, resourceId: "r", title: id, metadata: {}, createdAt: now, updatedAt: now } });
  return {};
}

const save = ({ thread, text, calls, size }) =>
  timed(async () => {
    for (let call = 0; call < calls; call++)
      await memory.saveMessages({
        messages: Array.from({ length: size }, () => ({
          id: randomUUID(),
          threadId: thread,
          resourceId: "r",
          role: "user",
          type: "text",
          createdAt: new Date(),
          content: { format: 2, parts: [{ type: "text", text }] },
        })),
      });
  });

// Rows as saveMessages writes them, a second apart.
async function fill({ thread, count, text }) {
  await open({ threads: [thread] });
  const content = JSON.stringify({ format: 2, parts: [{ type: "text", text }] });
  await store.pool.query(
    `INSERT INTO mastra_messages (id, thread_id, content, role, type, "createdAt", "createdAtZ", "resourceId")
     SELECT $1 || '-' || n, $1, $2, CASE n % 2 WHEN 1 THEN 'user' ELSE 'assistant' END, 'text',
       (now() - make_interval(secs => $3 - n)) AT TIME ZONE 'UTC', now() - make_interval(secs => $3 - n), 'r'
     FROM generate_series(1, $3::int) n`,
    [thread, content, count],
  );
  await store.pool.query("VACUUM ANALYZE mastra_messages");
  return {};
}

const list = ({ thread, page, size, calls, newest }) =>
  timed(async () => {
    for (let call = 0; call < calls; call++) {
      const { messages } = await memory.listMessages({
        threadId: thread,
        perPage: size,
        page,
        includeTotal: false,
        orderBy: { field: "createdAt", direction: newest ? "DESC" : "ASC" },
      });
      if (messages.length !== size) throw new Error(`${messages.length} messages, not ${size}`);
    }
  });

await serve({ upsert, index, query, open, save, fill, list });
