import type { GpuQuery } from "./query.ts";

/** What is asked of `nvidia-smi --query-gpu` where there is no Python to ask the driver with. */
export const smiFields = [
  "index",
  "name",
  "compute_cap",
  "memory.total",
  "memory.used",
  "driver_version",
  "ecc.mode.current",
  "mig.mode.current",
  "clocks.sm",
  "clocks.max.sm",
  "clocks.mem",
  "clocks.max.mem",
  "power.limit",
  "pci.bus_id",
] as const;

type Field = (typeof smiFields)[number];

/** From the CSV lines of that query with `noheader,nounits`; "[N/A]" is unknown and left out. */
export function parseSmi(stdout: string): Omit<GpuQuery, "asked"> {
  const rows = stdout
    .split("\n")
    .filter((line) => line.includes(","))
    .map(parseRow);
  const driver = rows[0]?.driver_version;
  return {
    ...(driver && { driver_version: driver }),
    errors: [],
    gpus: rows.map((row) => ({
      index: number(row.index) ?? 0,
      name: row.name ?? "NVIDIA GPU",
      ...known("compute_capability", row.compute_cap),
      ...known("memory_bytes", mebibytes(row["memory.total"])),
      ...known("memory_used_bytes", mebibytes(row["memory.used"])),
      ...known("ecc", enabled(row["ecc.mode.current"])),
      ...known("mig", enabled(row["mig.mode.current"])),
      ...known("sm_clock_mhz", number(row["clocks.sm"])),
      ...known("max_sm_clock_mhz", number(row["clocks.max.sm"])),
      ...known("memory_clock_mhz", number(row["clocks.mem"])),
      ...known("memory_clock_khz", kilohertz(row["clocks.max.mem"])),
      ...known("power_limit_w", number(row["power.limit"])),
      ...known("pci_bus_id", row["pci.bus_id"]),
    })),
  };
}

function parseRow(line: string): Partial<Record<Field, string>> {
  const cells = line.split(",").map((cell) => cell.trim());
  const named = smiFields.map((field, index) => [field, cells[index] ?? ""] as const);
  return Object.fromEntries(named.filter(([, cell]) => cell !== "" && !/^\[.*\]$/u.test(cell)));
}

function known<Name extends string, Value>(name: Name, value: Value | undefined) {
  return (value === undefined ? {} : { [name]: value }) as { [Key in Name]?: Value };
}

function number(cell: string | undefined): number | undefined {
  const value = Number(cell);
  return cell === undefined || Number.isNaN(value) ? undefined : value;
}

function mebibytes(cell: string | undefined): number | undefined {
  const value = number(cell);
  return value === undefined ? undefined : value * 1024 * 1024;
}

function kilohertz(cell: string | undefined): number | undefined {
  const value = number(cell);
  return value === undefined ? undefined : value * 1000;
}

function enabled(cell: string | undefined): boolean | undefined {
  return cell === undefined ? undefined : cell === "Enabled";
}
