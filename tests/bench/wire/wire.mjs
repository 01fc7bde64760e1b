// A peer's end of the line: reads a request, calls the function of that name, writes the answer.
import { readFileSync, writeSync } from "fs";
import { createInterface } from "readline";

export async function serve(operations) {
  for (const name of ["log", "info", "debug", "warn"]) console[name] = (...words) => console.error(...words);
  for await (const line of createInterface({ input: process.stdin })) {
    const { do: name, ...request } = JSON.parse(line);
    let answer;
    try {
      answer = await operations[name](request);
    } catch (error) {
      console.error(error);
      answer = { error: `${error}`.split("\n")[0].slice(0, 200) };
    }
    const text = Buffer.from(JSON.stringify(typeof answer === "number" ? { seconds: answer } : answer) + "\n");
    for (let sent = 0; sent < text.length; ) {
      try {
        sent += writeSync(1, text, sent);
      } catch (error) {
        if (error.code !== "EAGAIN") throw error;
      }
    }
  }
  process.exit(0);
}

export async function timed(work) {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

export function numbers(path, dimension) {
  const bytes = readFileSync(path);
  const floats = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  return Array.from({ length: floats.length / dimension }, (_, i) =>
    Array.from(floats.subarray(i * dimension, (i + 1) * dimension)),
  );
}

export const lines = (path) => readFileSync(path, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line));
