// Reads a JSON list of diagrams on stdin and parses each: the first that Mermaid refuses ends this with its reason.
import { readFileSync } from "node:fs";
import { JSDOM } from "jsdom";
const { window } = new JSDOM("");
globalThis.window = window;
globalThis.document = window.document;
const mermaid = (await import("mermaid")).default;
const types = [];
for (const text of JSON.parse(readFileSync(0, "utf8"))) {
  try {
    types.push((await mermaid.parse(text)).diagramType);
  } catch (error) {
    console.error(text + "\n" + error.message);
    process.exit(1);
  }
}
console.log(JSON.stringify(types));
