import { callStream, type RecordedOperation } from "../../record/recorder.ts";
import type { Step } from "../../worker/client.ts";
import type { JudgeLaunch } from "../../worker/judge-launches.ts";
import type { Recorded } from "../recording.ts";
import { workspaceSlot } from "./slots.ts";

type Stream = "call" | "default" | "side";

/** What the host code asked of the device, as the runner does it: each on the stream that it chose. */
export function candidateSteps({ operations }: Recorded): Step[] {
  const recorded = new Map<bigint, Stream>();
  return operations.flatMap((operation) => stepOf(operation, recorded) ?? []);
}

/** Launches of the judge's own code, in order, on the stream of the call. */
export function judgeSteps(launches: readonly JudgeLaunch[]): Step[] {
  return launches.map(({ kernel, grid, block, dynamic_shared_bytes, params }) => ({
    do: "launch",
    module: "judge",
    kernel,
    grid,
    block,
    dynamic_shared_bytes,
    params: params.map(base64),
    stream: "call",
  }));
}

/** Memory that the host code allocated, which must be there before a graph is captured. */
export function mapSteps({ operations, kept }: Recorded): Step[] {
  const allocated = operations.filter((one) => one.kind === "alloc");
  return [...kept, ...allocated].flatMap(({ address, bytes }) =>
    bytes > 0 ? [{ do: "map" as const, address, bytes }] : [],
  );
}

/** Gives the host code's own memory back where it has freed all of it: its addresses never repeat. */
export function freeSteps({ operations, kept }: Recorded): Step[] {
  const count = (kind: "alloc" | "free") => operations.filter((one) => one.kind === kind).length;
  const isFreed = kept.length === 0 && count("alloc") > 0 && count("alloc") === count("free");
  return isFreed ? [{ do: "unmap_all", slot: workspaceSlot }] : [];
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

function stepOf(operation: RecordedOperation, recorded: Map<bigint, Stream>): Step | undefined {
  switch (operation.kind) {
    case "launch":
      return {
        do: "launch",
        module: "candidate",
        kernel: operation.kernel,
        grid: operation.grid,
        block: operation.block,
        ...(operation.cluster && { cluster: operation.cluster }),
        dynamic_shared_bytes: operation.dynamic_shared_bytes,
        params: operation.params.map(base64),
        stream: streamOf(operation.stream),
        ...(operation.attributes.cooperative && { cooperative: true }),
        ...(operation.attributes.programmatic_stream_serialization && {
          programmatic_stream_serialization: true,
        }),
      };
    case "memset":
      return {
        do: "fill",
        address: operation.address,
        bytes: operation.bytes,
        pattern: (operation.value & 0xff).toString(16).padStart(2, "0"),
        stream: streamOf(operation.stream),
      };
    case "copy":
      return {
        do: "copy",
        to: operation.to,
        from: operation.from,
        bytes: operation.bytes,
        stream: streamOf(operation.stream),
      };
    case "upload":
      return {
        do: "upload",
        address: operation.to,
        data: base64(operation.data),
        stream: streamOf(operation.stream),
      };
    case "record_event":
      recorded.set(operation.event, streamOf(operation.stream));
      return undefined;
    case "wait_event": {
      const awaited = recorded.get(operation.event);
      const stream = streamOf(operation.stream);
      if (!awaited || awaited === stream) return undefined;
      return { do: "wait", stream, for: awaited };
    }
    default:
      // Memory is mapped before; waiting on the host changes no result.
      return undefined;
  }
}

/** One stream stands for all that the host code created: they are ordered by its events alone. */
function streamOf(stream: bigint): Stream {
  if (stream === callStream) return "call";
  return stream === 0n ? "default" : "side";
}
