import type { RigStatus, SettingValue } from "../api/router";
import { MERGE_MODES } from "../words/settings";

/** How a setting is edited. Lists have one entry a line. */
export type Kind = "number" | "seconds" | "line" | "text" | "list" | "flag" | "agent" | readonly (readonly [string, string])[];

export interface Field {
  key: string;
  label: string;
  kind: Kind;
  /** What holds where nothing is set. */
  usual?: string | number;
  rows?: number;
  code?: boolean;
}

export interface Section {
  title: string;
  /** What it is about, and when it counts. */
  about: string;
  fields: readonly Field[];
}

/** All settings of a rig, in the order of a bead's life. A new one is one more line here. */
export const SECTIONS: readonly Section[] = [
  {
    title: "Dispatch",
    about: "Counts from the next run. Fewer slots stop nothing that runs.",
    fields: [
      { key: "max_polecats", label: "Slots: runs at once", kind: "number" },
      { key: "agent", label: "Agent", kind: "agent" },
      { key: "model", label: "Model", kind: "line", usual: "the agent's own" },
      { key: "timeout", label: "Time limit of a bead, seconds", kind: "seconds", usual: 14_400 },
      { key: "stall_after", label: "Silent after, seconds", kind: "seconds", usual: 900 },
    ],
  },
  {
    title: "Worktree",
    about: "What each worktree gets before the agent starts, and again before the gates.",
    fields: [
      { key: "setup", label: "Setup: commands that make it ready, one a line", kind: "list", code: true, usual: "npm ci" },
      { key: "copy", label: "Files to copy from your checkout, one a line", kind: "list", code: true, usual: ".env", rows: 2 },
      { key: "link", label: "Folders to link from your checkout, one a line", kind: "list", code: true, usual: "node_modules", rows: 2 },
      { key: "home_files", label: "Files of your home folder to copy, one a line", kind: "list", code: true, usual: ".npmrc", rows: 2 },
      { key: "pass_env", label: "Variables of the server to pass on, one name a line; their values are never shown", kind: "list", code: true, rows: 2 },
      { key: "setup_timeout", label: "Time limit of each, seconds", kind: "seconds", usual: 600 },
      { key: "run", label: "Command that tries a bead's branch; $PORT is a free port", kind: "line", usual: "npm start -- --port $PORT" },
      { key: "submodules", label: "Check submodules out, too", kind: "flag" },
      { key: "lfs", label: "Bring large files (Git LFS)", kind: "flag" },
    ],
  },
  {
    title: "Prompt",
    about: "Said to every polecat of this rig, beside its bead.",
    fields: [{ key: "instructions", label: "Instructions", kind: "text", rows: 5, usual: "How to build and test here, what to leave alone" }],
  },
  {
    title: "Budget",
    about: "What its agents may spend. At 80 % you are told; at 100 % they stop, keep their work, and wait.",
    fields: [
      { key: "budget_usd_per_day", label: "Dollars a day", kind: "number", usual: "no bound" },
      { key: "budget_usd", label: "Dollars in all", kind: "number", usual: "no bound" },
      { key: "budget_tokens_per_day", label: "Tokens a day", kind: "number", usual: "no bound" },
      { key: "budget_tokens", label: "Tokens in all", kind: "number", usual: "no bound" },
      { key: "memory_limit", label: "Memory of a run", kind: "line", usual: "the agent's" },
    ],
  },
  {
    title: "Landing",
    about: "What happens to a finished branch.",
    fields: [
      { key: "merge", label: "A finished branch", kind: MERGE_MODES },
      {
        key: "landing",
        label: "It lands as",
        kind: [
          ["squash", "one commit"],
          ["merge", "a merge commit"],
        ],
      },
      { key: "gate_timeout", label: "Time limit of a gate, seconds", kind: "seconds", usual: 1_800 },
      { key: "gates", label: "Gates: commands that must pass before anything lands, one a line", kind: "list", code: true, usual: "make test" },
    ],
  },
  {
    title: "Polecats",
    about: "Who works here.",
    fields: [
      { key: "names", label: "Names, one a line; empty: the town's own", kind: "list", usual: "Toast, Maple, Birch, …", rows: 2 },
      { key: "agents_may_sling", label: "Beads that agents make start by themselves", kind: "flag" },
    ],
  },
];

const FIELDS = SECTIONS.flatMap((section) => section.fields);

/** Texts of the form, by key. */
export type Form = Record<string, string>;

/** What a rig has, as texts. */
export function formOf(rig: RigStatus): Form {
  const own: Record<string, unknown> = { ...rig.settings, max_polecats: rig.max_polecats, agent: rig.agent, merge: rig.merge, landing: rig.landing, gates: rig.gates };
  return Object.fromEntries(FIELDS.map(({ key, kind }) => [key, textOf(own[key] ?? (kind === "flag" ? false : null))]));
}

function textOf(value: unknown): string {
  return Array.isArray(value) ? value.join("\n") : value == null ? "" : String(value);
}

/** A text as the server takes it; null takes a setting back to its default. */
export function valueOf(key: string, text: string): SettingValue {
  const kind = FIELDS.find((field) => field.key === key)?.kind;
  if (kind === "list") {
    const lines = text.split("\n").map((line) => line.trim()).filter(Boolean);
    return lines.length > 0 || key === "gates" ? lines : null;
  }
  if (kind === "flag") return text === "true";
  if (text.trim() === "") return null;
  return (kind === "number" || kind === "seconds") && !Number.isNaN(Number(text)) ? Number(text) : text.trim();
}
