import type { RecordedOperation } from "../../record/recorder.ts";

/** Steps for the runner that end with a launch; the last part may have none. */
export interface LaunchSteps {
  kernel: string | undefined;
  steps: object[];
}

/**
 * What the host code asked of the device, as the runner's steps, one launch to a part. Streams are
 * left out: sanitizers look at what a kernel does, and parts run one after another.
 */
export function stepsOf(operations: readonly RecordedOperation[]): LaunchSteps[] {
  const parts: LaunchSteps[] = [];
  let steps: object[] = [];
  for (const operation of operations) {
    const step = stepOf(operation);
    if (!step) continue;
    steps.push(step);
    if (operation.kind !== "launch") continue;
    parts.push({ kernel: operation.kernel, steps });
    steps = [];
  }
  if (steps.length > 0) parts.push({ kernel: undefined, steps });
  return parts;
}

/** The kernels' own allocations lie where the recorder put them, and the runner has no memory there. */
export function allocates(operations: readonly RecordedOperation[]): boolean {
  return operations.some(({ kind }) => kind === "alloc");
}

function stepOf(operation: RecordedOperation): object | undefined {
  switch (operation.kind) {
    case "launch": {
      const { kernel, grid, block, cluster, dynamic_shared_bytes, params, attributes } = operation;
      const { cooperative, programmatic_stream_serialization } = attributes;
      return {
        do: "launch",
        module: "candidate",
        kernel,
        grid,
        block,
        ...(cluster && { cluster }),
        dynamic_shared_bytes,
        params: params.map(base64),
        ...(cooperative && { cooperative }),
        ...(programmatic_stream_serialization && { programmatic_stream_serialization }),
      };
    }
    case "memset": {
      const { address, bytes, value } = operation;
      if (bytes === 0) return undefined;
      const pattern = (value & 255).toString(16).padStart(2, "0");
      return { do: "fill", address: hex(address), bytes, pattern };
    }
    case "copy": {
      const { to, from, bytes } = operation;
      return bytes === 0 ? undefined : { do: "copy", to: hex(to), from: hex(from), bytes };
    }
    case "upload": {
      const { to, data } = operation;
      return data.length === 0 ? undefined : { do: "upload", address: hex(to), data: base64(data) };
    }
    default:
      return undefined;
  }
}

function hex(address: bigint): string {
  return `0x${address.toString(16)}`;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}
