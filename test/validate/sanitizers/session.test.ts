import { afterEach, expect, test, vi } from "vitest";
import { startSession } from "../../../tools/validate/sanitizers/session.ts";

afterEach(() => vi.unstubAllEnvs());

test("the runner under a sanitizer finds the driver, and sees the GPUs that the user shows", async () => {
  vi.stubEnv("LD_LIBRARY_PATH", "/driver/lib");
  vi.stubEnv("CUDA_VISIBLE_DEVICES", "3");
  vi.stubEnv("SOME_TOKEN", "secret");
  const answer =
    'printf \'{"id":1,"seen":"%s %s %s"}\\n\' "$LD_LIBRARY_PATH" "$CUDA_VISIBLE_DEVICES" "$SOME_TOKEN"';
  const session = startSession(
    ["/bin/sh", "-c", `read request; ${answer}`],
    new AbortController().signal,
  );
  expect(await session.ask({ op: "hello" })).toEqual({ id: 1, seen: "/driver/lib 3 " });
  expect(await session.close()).toMatchObject({ exit_code: 0 });
});
