// Records what the README shows: `npm start | npx tsx test/docs/record.ts start`, and the same
// with `npm test` and `test`. Then `npm run docs`.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { withoutMachine } from "./recorded.ts";

const [name = ""] = process.argv.slice(2);
if (!/^[a-z]+$/u.test(name)) throw new Error("name the recording: start or test");
const file = path.resolve("test/fixtures/docs", `${name}.txt`);
mkdirSync(path.dirname(file), { recursive: true });
writeFileSync(file, withoutMachine(readFileSync(0, "utf8")));
console.log(`wrote ${file}`);
