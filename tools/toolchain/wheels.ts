import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { userCache } from "../paths.ts";

/** One wheel of NVIDIA's CUDA compiler on PyPI. */
export interface Wheel {
  project: string;
  version: string;
  /** Per platform of `wheelPlatform()`: the size of the file to download, and its hash. */
  files: Readonly<Record<string, { bytes: number; sha256: string }>>;
}

/**
 * The smallest set that compiles CUDA C++ and reads the machine code: nvcc and ptxas (nvcc), cicc
 * and libdevice (nvvm), headers (crt, runtime; cuda_bf16.h includes nv/target, which is in cccl),
 * and the two SASS tools, which came to PyPI with 13.2 and read what 13.0 and 12 make.
 * CUDA 13.0, the lowest of its major version: what it links loads with every later 13.x.
 * Hashes and sizes are the index's own, by `uv pip compile --format pylock.toml`, 2026-11-22.
 */
export const compilerWheels: readonly Wheel[] = [
  wheel("nvidia-cuda-nvcc", "13.0.88", {
    "linux-x86_64": [37384532, "56fe502eb77625a12f25172caa3cdddb4e4c8ba2c8c17dba44b164761b380f03"],
    "linux-aarch64": [32455430, "c7ff28f86a24effdc6c034fa15230c549a273e4771b10a7fec14996f8cf3307f"],
  }),
  wheel("nvidia-nvvm", "13.0.88", {
    "linux-x86_64": [61601415, "c5f41ffeb6466944a026dfa5317d7d85355c119bbec279205d22f1869d1054e0"],
    "linux-aarch64": [59234185, "c4376a291d72d22a315d9d2f69bdae8f8cd83a627f75bad395cee49a0fe65dc1"],
  }),
  wheel("nvidia-cuda-crt", "13.0.88", {
    "linux-x86_64": [134086, "2c8043c7c9e02492716426e9919fc78d2c5b3b2a7a768a88e952676b08aa55a4"],
    "linux-aarch64": [134086, "ee2ea2a97073e02ee62bb27841f437332be2c248e3eac013df07997ada39c003"],
  }),
  wheel("nvidia-cuda-runtime", "13.0.96", {
    "linux-x86_64": [2243632, "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548"],
    "linux-aarch64": [2261060, "ef9bcbe90493a2b9d810e43d249adb3d02e98dd30200d86607d8d02687c43f55"],
  }),
  wheel("nvidia-cuda-cccl", "13.0.85", {
    "linux-x86_64": [3120526, "e0da7ad981f3a8aff08241b5bfc1af868742a63e2762f53a5171c492ef242649"],
    "linux-aarch64": [3120528, "6f0203e29fed809ee2b7fe9b1344df66ecab990c37d6a2e0e189b26d6c97ed7c"],
  }),
  wheel("nvidia-cuda-cuobjdump", "13.2.86", {
    "linux-x86_64": [343821, "d332c2ffe78e703ca0a3894be927f83124244e2acf0d792b8c12b4362d44d837"],
    "linux-aarch64": [338646, "9a025b92d5faca837f69841317760df9b27f3871bfa089d80cc428399743fd56"],
  }),
  wheel("nvidia-cuda-nvdisasm", "13.2.86", {
    "linux-x86_64": [4418667, "53606e719ecae07a2335f95902d5a1393a0cc1c317499ee7ffcf628a44385f2c"],
    "linux-aarch64": [4338273, "d02c627f7aecfcac4dd5e923e94adeaa6607c5fdae8df750b01ad948d38941d3"],
  }),
];

export const cudaVersion = "13.0.88";

/** What pip needs at its most: the wheels beside what they unpack to, 104 and 275 MiB on x86_64. */
export const neededBytes = 380 * 1024 * 1024;

/** Where the toolchain of these wheels lies for this user, this platform and these very files. */
export function toolchainFolder(): string {
  const platform = `${process.platform}-${machine()}`;
  return userCache("toolchains", `cuda-${cudaVersion}-${platform}-${identity()}`);
}

/** The toolkit inside of it: bin, include, lib, nvvm. */
export function toolchainRoot(folder = toolchainFolder()): string {
  return `${folder}/nvidia/cu13`;
}

/** "linux-x86_64", or why NVIDIA has no compiler wheels for this machine. */
export function wheelPlatform(): { platform: string } | { reason: string } {
  const platform = `${process.platform}-${machine()}`;
  if (!compilerWheels[0]?.files[platform]) {
    return { reason: `NVIDIA's compiler comes as wheels for Linux, not for ${platform}` };
  }
  const loader = loaders[machine()];
  if (loader && !existsSync(loader)) {
    return { reason: `NVIDIA's compiler needs glibc, and this Linux has no ${loader}` };
  }
  return { platform };
}

/** The bytes that are downloaded for a platform. */
export function downloadBytes(platform: string): number {
  return compilerWheels.reduce((sum, one) => sum + (one.files[platform]?.bytes ?? 0), 0);
}

/** A requirements file in pip's format, each line with the only hash that is accepted. */
export function requirements(platform: string): string {
  return compilerWheels
    .map((one) => `${one.project}==${one.version} --hash=sha256:${one.files[platform]?.sha256}\n`)
    .join("");
}

function wheel(
  project: string,
  version: string,
  files: Record<string, readonly [number, string]>,
): Wheel {
  const named = Object.entries(files).map(([platform, [bytes, sha256]]) => {
    return [platform, { bytes, sha256 }] as const;
  });
  return { project, version, files: Object.fromEntries(named) };
}

function machine(): string {
  return { x64: "x86_64", arm64: "aarch64" }[process.arch as string] ?? process.arch;
}

/** What glibc programs are started by; Alpine (musl) and NixOS do not have it. */
const loaders: Readonly<Record<string, string>> = {
  x86_64: "/lib64/ld-linux-x86-64.so.2",
  aarch64: "/lib/ld-linux-aarch64.so.1",
};

let identityFound: string | undefined;

/** Another set of files, or another recipe of links, is another folder. */
function identity(): string {
  const recipe = "links:lib64,libcudart.so";
  identityFound ??= createHash("sha256")
    .update(JSON.stringify([recipe, compilerWheels]))
    .digest("hex")
    .slice(0, 8);
  return identityFound;
}
