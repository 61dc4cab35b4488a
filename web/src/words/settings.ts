import type { MergeMode, Priority } from "../api/router";

export const MERGE_MODES: readonly (readonly [MergeMode, string])[] = [
  ["review", "waits for your approval"],
  ["direct", "lands by itself"],
  ["branch", "pushes the branch only"],
];

export const PRIORITIES: readonly Priority[] = ["critical", "high", "medium", "low"];
