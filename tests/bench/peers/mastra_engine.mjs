// @mastra/engine: the engine that ours follows. Its package leaves its migrations out: the tables are made here,
// as its schema has them.
import { PostgresEngine } from "@mastra/engine";
import postgres from "postgres";
import { lines, serve, timed } from "./wire.mjs";

const url = process.argv[2];
const engine = new PostgresEngine({ url });
const sql = postgres(url, { onnotice: () => {} });
// A statement has room for 65,534 parameters.
const CHUNK = 1000;
let entity;

async function open() {
  await sql.unsafe(`
    CREATE SCHEMA IF NOT EXISTS mastra;
    CREATE TABLE IF NOT EXISTS mastra.entity (id text PRIMARY KEY, name varchar NOT NULL,
      "createdAt" timestamp DEFAULT now() NOT NULL, "updatedAt" timestamp DEFAULT now(), "connectionId" text NOT NULL,
      "lastSyncId" text, CONSTRAINT entities_connection_id_unique UNIQUE ("connectionId", name));
    CREATE TABLE IF NOT EXISTS mastra.records (id text PRIMARY KEY, "externalId" text NOT NULL,
      data jsonb DEFAULT '{}' NOT NULL, "entityType" varchar NOT NULL, "entityId" text NOT NULL REFERENCES mastra.entity (id),
      "deletedAt" timestamp, "createdAt" timestamp DEFAULT now() NOT NULL, "updatedAt" timestamp DEFAULT now());
    CREATE INDEX IF NOT EXISTS records_external_id_idx ON mastra.records ("externalId");
    TRUNCATE mastra.records, mastra.entity`);
  entity = await engine.createEntity({ name: "bench", connectionId: "c" });
  return {};
}

async function upsert({ path, reset }) {
  if (reset) await open();
  const records = lines(path).map(({ external_id, data }) => ({ externalId: external_id, data }));
  return timed(async () => {
    for (let at = 0; at < records.length; at += CHUNK)
      await engine.upsertRecords({ entityId: entity.id, records: records.slice(at, at + CHUNK) });
  });
}

const one = ({ path, prefix }) => {
  const records = lines(path).map(({ external_id, data }) => ({ externalId: prefix + external_id, data }));
  return timed(async () => {
    for (const record of records) await engine.upsertRecords({ entityId: entity.id, records: [record] });
  });
};

const query = ({ calls, filtered, limit, offset }) =>
  timed(async () => {
    for (let call = 0; call < calls; call++) {
      const found = await engine.getRecords({
        entityName: "bench",
        connectionId: "c",
        options: {
          filters: filtered ? [{ field: "status", operator: "eq", value: "active" }] : [],
          sort: [{ field: "score", direction: "DESC" }],
          limit,
          offset,
        },
      });
      if (found.length !== limit) throw new Error(`${found.length} records, not ${limit}`);
    }
  });

await serve({ open, upsert, one, query });
