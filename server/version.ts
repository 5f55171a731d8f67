import { readFileSync } from "node:fs";

/** Set by the bundler, which has no package.json beside its output. */
declare const KERNELWRIGHT_VERSION: string | undefined;

/** The version in package.json. */
export function version(): string {
  if (typeof KERNELWRIGHT_VERSION === "string") return KERNELWRIGHT_VERSION;
  const file = new URL("../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
