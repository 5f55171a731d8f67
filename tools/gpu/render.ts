import { renderBytes, renderTable } from "../text.ts";
import type { Inspection } from "./tool.ts";

type ShownGpu = Inspection["gpus"][number];

/** The inspection as text for a person: what is there, then what is doubted and what to do about it. */
export function renderInspection(result: Inspection): string {
  return [
    result.summary,
    renderGpus(result),
    renderTools(result),
    ...result.warnings.map(({ code, message, hint }) => `${code}: ${message}\n  ${hint}`),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

function renderGpus(result: Inspection): string {
  if (result.gpus.length === 0) return "";
  const header = [
    ">GPU",
    "name",
    "arch",
    ">SMs",
    ">memory",
    ">L2",
    ">GB/s",
    ">clock",
    ">limit",
    "state",
  ];
  const table = renderTable(header, result.gpus.map(gpuRow));
  const driver = result.driver_version ? `driver ${result.driver_version}` : "driver unknown";
  const cuda = result.cuda_driver_version ? `, serves CUDA ${result.cuda_driver_version}` : "";
  return `${table}\n${driver}${cuda}`;
}

function gpuRow(gpu: ShownGpu): string[] {
  const state = [
    gpu.ecc === undefined ? "" : `ECC ${gpu.ecc ? "on" : "off"}`,
    gpu.mig ? "MIG" : "",
    gpu.temperature_c === undefined ? "" : `${gpu.temperature_c} C`,
    gpu.processes?.length ? `${gpu.processes.length} other` : "",
    ...(gpu.slowed_by ?? []),
  ];
  return [
    String(gpu.index),
    gpu.name,
    gpu.arch ?? "?",
    shown(gpu.sms),
    gpu.memory_bytes === undefined ? "?" : renderBytes(gpu.memory_bytes),
    gpu.l2_bytes === undefined ? "?" : renderBytes(gpu.l2_bytes),
    shown(gpu.peak_gbps),
    gpu.sm_clock_mhz === undefined ? "?" : `${gpu.sm_clock_mhz}/${shown(gpu.max_sm_clock_mhz)} MHz`,
    gpu.power_limit_w === undefined ? "?" : `${Math.round(gpu.power_limit_w)} W`,
    state.filter((word) => word !== "").join(", "),
  ];
}

function renderTools(result: Inspection): string {
  const { compiler, host_compiler: host } = result;
  const rows = [
    ["platform", result.platform],
    [
      "CUDA compiler",
      compiler ? `${compiler.version} in ${compiler.root} (${compiler.found_by})` : "none",
    ],
    ["  compiles for", compiler ? compiler.archs.join(" ") : ""],
    ["C++ compiler", host ? `${host.kind} ${host.version}, ${host.cxx}` : "none"],
    ...result.pythons.map((python) => ["Python", renderPython(python)]),
    ...(result.pythons.length === 0 ? [["Python", "none"]] : []),
  ];
  const width = Math.max(...rows.map(([name = ""]) => name.length));
  return rows
    .filter(([, value]) => value)
    .map(([name = "", value]) => `${name.padEnd(width)}  ${value}`)
    .join("\n");
}

function renderPython(python: Inspection["pythons"][number]): string {
  const cuda = python.torch_cuda ? `CUDA ${python.torch_cuda}` : "no CUDA";
  const torch = python.torch ? `torch ${python.torch} (${cuda})` : "no torch";
  const others = python.packages.map(({ name, version }) => `${name} ${version}`);
  return `${python.version}, ${python.python}: ${[torch, ...others].join(", ")}`;
}

function shown(value: number | undefined): string {
  return value === undefined ? "?" : String(value);
}
