/** Data of a frame that is an object: whatever an agent sent, so nothing about it is sure. */
export type Fields = Record<string, unknown>;

export function text(fields: Fields, key: string): string {
  const value = fields[key];
  if (typeof value === "string") return value;
  return value == null ? "" : JSON.stringify(value);
}

export function texts(fields: Fields, key: string): string[] {
  const value = fields[key];
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}

/** The changed lines of a unified diff, and those around them; without its head. */
export function diffLines(diff: string): string[] {
  return diff.split("\n").filter((line) => !/^(\+\+\+|---) /.test(line) && line !== "");
}
