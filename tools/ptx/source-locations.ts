import type { SourceLocation } from "./module.ts";

/** Collects the places that `.loc` directives name, with the calls through which they were inlined. */
export class SourceLocations {
  /** By the index that instructions carry; the first one is "nowhere". */
  readonly all: SourceLocation[] = [{ file: undefined, line: 0 }];
  private readonly files: ReadonlyMap<number, string>;
  private readonly ids = new Map<string, number>();
  /** By "file line column", the latest one: the chain of a parent goes on where its own .loc was seen. */
  private readonly places = new Map<string, SourceLocation>();

  constructor(files: ReadonlyMap<number, string>) {
    this.files = files;
  }

  /** Reads one directive and returns the index of its place; undefined for line 0, which is no place. */
  read(text: string): number | undefined {
    const match = /^\.loc\s+(\d+)\s+(\d+)\s+(\d+)(?:.*inlined_at\s+(\d+)\s+(\d+)\s+(\d+))?/u.exec(
      text,
    );
    if (!match || match[2] === "0") return undefined;
    const [, file, line, column, parentFile, parentLine, parentColumn] = match;
    const parent = parentFile === undefined ? "" : `${parentFile} ${parentLine} ${parentColumn}`;
    const place = `${file} ${line} ${column}`;
    const key = `${place} in ${parent}`;
    let id = this.ids.get(key);
    if (id === undefined) {
      id = this.all.length;
      this.ids.set(key, id);
      const location: SourceLocation = { file: this.files.get(Number(file)), line: Number(line) };
      if (parent !== "") {
        location.inlined_at = this.places.get(parent) ?? {
          file: this.files.get(Number(parentFile)),
          line: Number(parentLine),
        };
      }
      this.all.push(location);
    }
    this.places.set(place, this.all[id] as SourceLocation);
    return id;
  }
}
