import { afterEach, expect, test, vi } from "vitest";
import { driverEnvironment, scrubbedEnvironment } from "../../tools/executors/environment.ts";

afterEach(() => vi.unstubAllEnvs());

test("a child of the driver gets where its libraries are and which GPUs the user shows, and no more", () => {
  vi.stubEnv("LD_LIBRARY_PATH", "/driver/lib");
  vi.stubEnv("CUDA_VISIBLE_DEVICES", "3");
  vi.stubEnv("CUDA_DEVICE_ORDER", undefined);
  vi.stubEnv("LD_PRELOAD", "/other.so");
  expect(driverEnvironment()).toEqual({
    LD_LIBRARY_PATH: "/driver/lib",
    CUDA_VISIBLE_DEVICES: "3",
  });
  // Hides every GPU: not the same as unset.
  vi.stubEnv("CUDA_VISIBLE_DEVICES", "");
  expect(driverEnvironment().CUDA_VISIBLE_DEVICES).toBe("");
});

test("any other child gets neither these nor a token", () => {
  vi.stubEnv("PATH", "/bin");
  vi.stubEnv("LD_LIBRARY_PATH", "/driver/lib");
  vi.stubEnv("SOME_TOKEN", "secret");
  const environment = scrubbedEnvironment();
  expect(environment.PATH).toBe("/bin");
  expect(environment).not.toHaveProperty("LD_LIBRARY_PATH");
  expect(environment).not.toHaveProperty("SOME_TOKEN");
});
