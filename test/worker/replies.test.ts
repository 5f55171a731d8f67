import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { GpuWorker } from "../../tools/worker/client.ts";
import { optionsOf } from "./fake-worker.ts";

const onPosix = test.skipIf(process.platform === "win32");

onPosix(
  "a reply that is no JSON, or to another request, is an error of ours with the line",
  async () => {
    await expect(answeredBy("echo garbage >&3; sleep 30")).rejects.toThrow(
      "gpu_worker replied what was not asked: garbage",
    );
    await expect(answeredBy(`echo '{"id":99,"ok":true}' >&3; sleep 30`)).rejects.toThrow(
      'gpu_worker replied what was not asked: {"id":99,"ok":true}',
    );
  },
);

onPosix("a reply without its fields is an error of ours with the line", async () => {
  await expect(answeredBy(`echo '{"id":1,"ok":true}' >&3; sleep 30`)).rejects.toThrow(
    `gpu_worker's reply to hello does not fit: {"id":1,"ok":true}`,
  );
});

onPosix("a line that does not end is not kept", async () => {
  await expect(answeredBy("yes | tr -d '\\n' >&3")).rejects.toThrow("a line without an end");
});

onPosix("a runner that ends without a word is unavailable, with its last output", async () => {
  await expect(answeredBy("echo out of luck >&2; exit 7")).rejects.toMatchObject({
    code: "gpu_unavailable",
    message: expect.stringMatching(/exit code 7; its last output: out of luck/u),
  });
});

onPosix("a runner that closes its reply descriptor is ended", async () => {
  await expect(answeredBy("exec 3>&-; exec sleep 30")).rejects.toMatchObject({
    code: "gpu_unavailable",
    message: expect.stringContaining("closed its reply descriptor"),
  });
});

/** Starts a worker whose Python is a shell script with that text behind the reading of one request. */
async function answeredBy(script: string): Promise<GpuWorker> {
  const folder = mkdtempSync(path.join(tmpdir(), "kw-replies-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const python = path.join(folder, "python");
  writeFileSync(python, `#!/bin/sh\nread -r line\n${script}\n`);
  chmodSync(python, 0o755);
  return GpuWorker.start(optionsOf({ python }));
}
