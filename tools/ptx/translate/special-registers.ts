import type { Emitter } from "./emitter.ts";

/** A special register's low and high word. */
export function specialRegister(e: Emitter, name: string): [string, string] {
  const [x, y, z] = e.surroundings.shape;
  const linear = e.scalar ? "T" : "(T+l)";
  switch (name) {
    case "tid.x":
      return [y * z === 1 ? linear : `${e.use("TX")}[T+l]`, "0"];
    case "tid.y":
      return [y === 1 ? "0" : `${e.use("TY")}[T+l]`, "0"];
    case "tid.z":
      return [z === 1 ? "0" : `${e.use("TZ")}[T+l]`, "0"];
    case "ntid.x":
      return [`${x}`, "0"];
    case "ntid.y":
      return [`${y}`, "0"];
    case "ntid.z":
      return [`${z}`, "0"];
    case "laneid":
      return ["l", "0"];
    case "warpid":
      return ["(T>>>5)", "0"];
    case "nwarpid":
      return [`${Math.ceil((x * y * z) / 32)}`, "0"];
    case "lanemask_eq":
      return ["(1<<l)", "0"];
    case "lanemask_lt":
      return ["((1<<l)-1)", "0"];
    case "lanemask_le":
      return ["((2<<l)-1)", "0"];
    case "lanemask_ge":
      return ["(-1<<l)", "0"];
    case "lanemask_gt":
      return ["(-2<<l)", "0"];
    case "clock":
    case "clock64":
    case "globaltimer":
    case "globaltimer_lo":
      return [e.call("clock"), "0"];
    case "nsmid":
    case "cluster_nctaid.x":
    case "cluster_nctaid.y":
    case "cluster_nctaid.z":
    case "cluster_nctarank":
      return ["1", "0"];
    case "tid.w":
    case "ctaid.w":
    case "smid":
    case "gridid":
    case "clock_hi":
    case "globaltimer_hi":
    case "cluster_ctaid.x":
    case "cluster_ctaid.y":
    case "cluster_ctaid.z":
    case "cluster_ctarank":
    case "is_explicit_cluster":
      return ["0", "0"];
    default: {
      const at = contextWords.indexOf(name);
      if (at < 0) throw e.unsupported(`special register %${name}`);
      return [`${e.use("C")}[${at}]`, "0"];
    }
  }
}

/** Words of the context array that generated code reads: by their names as special registers where they are such. */
export const contextWords = [
  "ctaid.x",
  "ctaid.y",
  "ctaid.z",
  "nctaid.x",
  "nctaid.y",
  "nctaid.z",
  "dynamic_smem_size",
  "total_smem_size",
  "clusterid.x",
  "clusterid.y",
  "clusterid.z",
  "nclusterid.x",
  "nclusterid.y",
  "nclusterid.z",
];
/** Bytes of shared memory that the launch has. */
export const sharedBytesWord = 7;
