/** One line of a change. `old` and `now` are its numbers on both sides; null where it is not. */
export interface DiffLine {
  kind: "same" | "plus" | "minus";
  text: string;
  old: number | null;
  now: number | null;
}

export interface Hunk {
  head: string;
  lines: DiffLine[];
}

export interface FileDiff {
  path: string;
  /** What happened beside changed lines: renamed from, new file, binary, mode. */
  notes: string[];
  hunks: Hunk[];
  plus: number;
  minus: number;
}

/** A unified diff of git, file by file. */
export function parseDiff(text: string): FileDiff[] {
  const files: FileDiff[] = [];
  let file: FileDiff | null = null;
  let hunk: Hunk | null = null;
  let old = 0;
  let now = 0;
  for (const line of text.split("\n")) {
    if (line.startsWith("diff --git ")) {
      file = { path: pathOfHead(line), notes: [], hunks: [], plus: 0, minus: 0 };
      files.push(file);
      hunk = null;
    } else if (!file) {
      continue;
    } else if (line.startsWith("@@")) {
      const found = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@(.*)$/.exec(line);
      old = Number(found?.[1] ?? 1);
      now = Number(found?.[2] ?? 1);
      hunk = { head: found?.[3]?.trim() ?? "", lines: [] };
      file.hunks.push(hunk);
    } else if (!hunk) {
      head(file, line);
    } else if (line.startsWith("+")) {
      hunk.lines.push({ kind: "plus", text: line.slice(1), old: null, now: now++ });
      file.plus += 1;
    } else if (line.startsWith("-")) {
      hunk.lines.push({ kind: "minus", text: line.slice(1), old: old++, now: null });
      file.minus += 1;
    } else if (line.startsWith(" ")) {
      hunk.lines.push({ kind: "same", text: line.slice(1), old: old++, now: now++ });
    }
  }
  return files;
}

function pathOfHead(line: string): string {
  const both = line.slice("diff --git ".length);
  const half = both.slice(Math.floor(both.length / 2) + 1);
  return unquoted(half).replace(/^b\//, "");
}

function head(file: FileDiff, line: string): void {
  if (line.startsWith("+++ ") && line !== "+++ /dev/null") file.path = unquoted(line.slice(4)).replace(/^b\//, "").replace(/\t$/, "");
  else if (/^(new file|deleted file|rename from|Binary files|old mode)/.test(line)) file.notes.push(line.startsWith("Binary") ? "binary" : line);
}

function unquoted(path: string): string {
  return path.startsWith('"') && path.endsWith('"') ? path.slice(1, -1).replace(/\\(["\\])/g, "$1") : path;
}

/** Lines beside each other: what was taken away left, what came right. */
export function pairs(lines: readonly DiffLine[]): [DiffLine | null, DiffLine | null][] {
  const found: [DiffLine | null, DiffLine | null][] = [];
  let minus: DiffLine[] = [];
  let plus: DiffLine[] = [];
  const flush = (): void => {
    for (let at = 0; at < Math.max(minus.length, plus.length); at += 1) found.push([minus[at] ?? null, plus[at] ?? null]);
    minus = [];
    plus = [];
  };
  for (const line of lines) {
    if (line.kind === "minus") {
      if (plus.length > 0) flush();
      minus.push(line);
    } else if (line.kind === "plus") plus.push(line);
    else {
      flush();
      found.push([line, line]);
    }
  }
  flush();
  return found;
}

/** Where a comment stands: a file, and the line's number on the side where it is. */
export interface Place {
  path: string;
  line: number;
  side: "old" | "new";
}

export function placeOf(path: string, line: DiffLine): Place {
  return line.now === null ? { path, line: line.old ?? 0, side: "old" } : { path, line: line.now, side: "new" };
}

export function keyOf(place: Place): string {
  return `${place.path}:${place.side === "old" ? "-" : ""}${place.line}`;
}

/** All comments as the one text that goes back to the agent. */
export function reworkText(comments: ReadonlyMap<string, string>, general: string): string {
  const parts = [...comments].filter(([, text]) => text.trim() !== "").map(([key, text]) => `${key.replace(/:-(\d+)$/, ":$1 (before the change)")}: ${text.trim()}`);
  return [general.trim(), ...parts].filter(Boolean).join("\n\n");
}
