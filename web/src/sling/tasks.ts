import type { Priority, TaskInput } from "../api/router";
import { PRIORITIES } from "../words/settings";

/** What somebody pasted, as tasks; `problem` names the line that can't be one. */
export interface Parsed {
  tasks: TaskInput[];
  problem: string | null;
}

/** One bead a line: a title (a list's marks are left out), or a JSON object as in `boomtown sling --file`. */
export function parseTasks(text: string): Parsed {
  const tasks: TaskInput[] = [];
  for (const [at, raw] of text.split("\n").entries()) {
    const line = raw.trim();
    if (line === "") continue;
    if (!line.startsWith("{")) {
      const title = line.replace(/^(?:[-*•]|\d{1,3}[.)])\s+(?:\[[ xX]?\]\s+)?/, "").trim();
      if (title !== "") tasks.push({ title });
      continue;
    }
    const read = jsonTask(line);
    if (typeof read === "string") return { tasks, problem: `Line ${at + 1}: ${read}` };
    tasks.push(read);
  }
  return { tasks, problem: null };
}

function jsonTask(line: string): TaskInput | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return "this is no JSON object. Write {\"title\": \"…\"} on one line, or a plain title.";
  }
  const fields = value as Record<string, unknown>;
  const { title, body, priority, agent, model, timeout, report, depends_on: after } = fields;
  if (typeof title !== "string" || title.trim() === "") return "“title” is missing.";
  const unknown = Object.keys(fields).find((key) => !["title", "body", "priority", "agent", "model", "timeout", "report", "depends_on"].includes(key));
  if (unknown !== undefined) return `“${unknown}” is not known. Known: title, body, priority, agent, model, timeout, report, depends_on.`;
  if (priority !== undefined && !PRIORITIES.includes(priority as Priority)) return `“priority” must be one of ${PRIORITIES.join(", ")}.`;
  if (report !== undefined && typeof report !== "boolean") return "“report” must be true or false.";
  if (after !== undefined && !Array.isArray(after)) return "“depends_on” must be a list of line numbers (from 0) or bead ids.";
  return {
    title,
    ...(typeof body === "string" ? { body } : {}),
    ...(priority !== undefined ? { priority: priority as Priority } : {}),
    ...(typeof agent === "string" ? { agent } : {}),
    ...(typeof model === "string" ? { model } : {}),
    ...(typeof timeout === "number" ? { timeoutS: timeout } : {}),
    ...(typeof report === "boolean" ? { report } : {}),
    ...(Array.isArray(after) ? { dependsOn: after as (number | string)[] } : {}),
  };
}

/** Names one act of slinging, so that asking again after a lost answer slings nothing twice. */
export function newKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
