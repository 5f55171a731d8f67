import { expect, test } from "vitest";
import { ToolError } from "../../tools/errors.ts";
import { patientRecord } from "../../tools/validate/patient-record.ts";

/** A recorder whose every call ends with that code, and how often it was called. */
function failing(code: "timed_out" | "recording_failed") {
  const calls = { count: 0 };
  const call = () => {
    calls.count += 1;
    return Promise.reject(new ToolError(code, "it did not return", "mend it"));
  };
  return { calls, record: patientRecord({ call }) };
}

test("host code that has hung twice is not called again, and every case says why", async () => {
  const { calls, record } = failing("timed_out");
  for (let time = 0; time < 5; time += 1) {
    const recording = await record(new Uint8Array(), () => undefined);
    expect(recording).toMatchObject({ state: "not_recorded", code: "timed_out" });
  }
  expect(calls.count).toBe(2);
});

test("host code that crashes is called for every case: another may not crash", async () => {
  const { calls, record } = failing("recording_failed");
  for (let time = 0; time < 5; time += 1) await record(new Uint8Array(), () => undefined);
  expect(calls.count).toBe(5);
});

test("a cancelled call ends the validation", async () => {
  const call = () => Promise.reject(new ToolError("cancelled", "cancelled", "again"));
  await expect(patientRecord({ call })(new Uint8Array(), () => undefined)).rejects.toThrow(
    "cancelled",
  );
});
