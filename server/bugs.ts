import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { userCache } from "../tools/paths.ts";
import { shortened } from "../tools/text.ts";
import { version } from "./version.ts";

/** Writes the details of a bug of ours to a file, and says in one sentence what happened and where they are. */
export async function reportBug(
  error: unknown,
  during: string,
): Promise<{ message: string; hint: string }> {
  const first = (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
  const file = await writeDetails(error, during);
  return {
    message: `Kernelwright failed in ${during}: ${shortened(first, 200)}. This is a bug of Kernelwright, not of the call.`,
    hint: `Report it with the file ${file}; the same call with other arguments may work.`,
  };
}

/** What no caller caught: told in two lines with the details in a file, then `then` decides what becomes of us. */
export function onUncaught(during: string, then: () => void): void {
  const tell = async (error: unknown) => {
    const { message, hint } = await reportBug(error, during);
    console.error(`internal_error: ${message}\nNext: ${hint}`);
    then();
  };
  process.on("uncaughtException", (error) => void tell(error));
  process.on("unhandledRejection", (error) => void tell(error));
}

async function writeDetails(error: unknown, during: string): Promise<string> {
  const name = `${new Date().toISOString().replace(/[:.]/gu, "-")}-${randomBytes(3).toString("hex")}.txt`;
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const text = `kernelwright ${version()}, node ${process.version}, ${process.platform} ${process.arch}\nin ${during}\n\n${stack}\n`;
  for (const folder of [userCache("errors"), tmpdir()]) {
    try {
      await mkdir(folder, { recursive: true });
      const file = path.join(folder, name);
      await writeFile(file, text);
      return file;
    } catch {
      // A read-only home: the next folder.
    }
  }
  return "(no folder could be written)";
}
