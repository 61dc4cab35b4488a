import type { Agent, Bead, GateStep, LedgerEvent, Merge, Usage } from "../api/router";
import { age, count, duration } from "./time";

/** Where a bead stands, in the words of the command line. The cure is a button beside it. */
export function beadSentence(bead: Bead, merge: Merge | null, now: number): string {
  if (bead.status === "open" && bead.type === "escalation") return "Waits for you";
  switch (bead.status) {
    case "open":
      return waiting(bead, now);
    case "in_progress":
      return `${bead.assignee ?? "A polecat"} is working`;
    case "in_review":
      return merge ? mergeSentence(merge) : "On its way to the default branch";
    case "failed":
      return `${count(bead.attempts, "attempt")}: ${firstSentence(bead.last_error) || "it failed."}`;
    case "cancelled":
      return "Cancelled";
    case "closed":
      return merge?.merge_commit ? `Landed as ${short(merge.merge_commit)}` : "Closed";
  }
}

function waiting(bead: Bead, now: number): string {
  if (bead.queue_reason === null) return "About to start";
  if (bead.queue_reason === "backoff" && bead.not_before) {
    const why = bead.last_error ? `: ${firstSentence(bead.last_error)}` : "";
    return `Tries again in ${duration(-age(bead.not_before, now))}${why}`;
  }
  return bead.queue_detail ?? bead.queue_reason;
}

/** Where a merge stands. */
export function mergeSentence(merge: Merge): string {
  const error = firstSentence(merge.error);
  switch (merge.status) {
    case "waiting":
      return "Waits for its turn to land";
    case "testing":
      return "Its gates run";
    case "landing":
      return "Lands";
    case "merged":
      return merge.merge_commit ? `Landed as ${short(merge.merge_commit)}` : "Landed";
    case "failed":
      return error || "Did not land";
    case "approval":
      return "Needs your review";
    case "remote_refused":
      return `The remote refused it: ${error}`;
    case "base_red":
      return `Red without it, too: ${error || "the gate is red on the default branch."} Mend the default branch, then try again.`;
  }
}

/** What is tested now: `Gate 2 of 3: npm test`, and if it is red what is looked at next. */
export function gateSentence(step: GateStep, gates: number): string {
  const which = step.gate === null ? `Prepares for the gates: \`${step.command}\`` : `Gate ${step.gate} of ${gates}: \`${step.command}\``;
  if (step.result === null || step.result === "exit status 0") return which;
  return `${which} is red, ${step.result}. Is it on the default branch alone, too?`;
}

/** What a polecat does, in a word. */
export function agentWord(agent: Agent): string {
  const words = { working: "working", idle: "between runs", stalled: "silent", dead: "cleaning up" };
  return words[agent.status];
}

const EVENTS: Record<string, string> = {
  "agent.released": "left; its name is free",
  "agent.registered": "came for this bead",
  "bead.created": "slung",
  "bead.edited": "edited",
  "bead.held": "held",
  "bead.let_go": "let go",
  "bead.checkpoint": "noted a checkpoint",
  "login.link_made": "asked for a login link",
  "mail.sent": "sent mail",
  "rig.added": "rig added",
  "rig.changed": "settings changed",
  "rig.paused": "paused",
  "rig.resumed": "resumed",
  "rig.removed": "rig removed",
  "run.started": "began to work",
  "run.ended": "run ended",
  "run.stopping": "asked to stop",
  "run.hint": "says it has completed",
  "town.created": "town made",
  "town.removed": "town removed",
};

/** An entry of the ledger: what happened, and what it says about it. */
export function eventWords(event: LedgerEvent): string {
  const known = EVENTS[event.kind];
  if (known) return known;
  return event.kind.replace(/^[a-z]+\./, "").replaceAll("_", " ");
}

/** What an event says beyond its kind: a title, a reason, an error; empty if nothing. */
export function eventDetail(event: LedgerEvent): string {
  const parts = [];
  for (const key of ["name", "outcome", "reason", "why", "error", "summary", "comment"]) {
    const value = event.data[key];
    if (typeof value === "string" && value.trim() !== "") parts.push(value.trim().split("\n")[0]);
  }
  return parts.join(" · ");
}

/** Cost and tokens: `$0.31 · 12,400 tokens`. */
export function usageWords(usage: Usage): string {
  const tokens = `${(usage.input_tokens + usage.output_tokens).toLocaleString("en")} tokens`;
  return usage.cost_usd === null ? tokens : `${costWords(usage.cost_usd)} · ${tokens}`;
}

export function costWords(dollars: number): string {
  return `$${dollars.toFixed(2)}`;
}

export function short(id: string): string {
  return id.slice(0, 8);
}

/** The first line, with a full stop. */
export function firstSentence(text: string | null): string {
  const line = (text ?? "").trim().split("\n")[0]?.trim() ?? "";
  return line === "" || /[.!?…]$/.test(line) ? line : `${line}.`;
}
