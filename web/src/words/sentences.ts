import type { Agent, Bead, GateStep, LedgerEvent, Merge, Usage } from "../api/router";
import { age, count, duration } from "./time";

/** Where a bead stands, in the words of the command line. The cure is a button beside it. */
export function beadSentence(bead: Bead, merge: Merge | null, now: number): string {
  if (bead.status === "open" && bead.type === "escalation") return "Waits for you";
  switch (bead.status) {
    case "open":
      return waiting(bead, now);
    case "in_progress":
      if (bead.attached_by !== null) return `${bead.attached_by} has stepped in: the session is theirs`;
      return `${bead.assignee ?? "A polecat"} is working`;
    case "in_review":
      return merge ? mergeSentence(merge) : "On its way to the default branch";
    case "failed":
      return `${count(bead.attempts, "attempt")}: ${firstSentence(bead.last_error) || "it failed."}`;
    case "cancelled":
      return "Cancelled";
    case "closed":
      if (wantsReport(bead)) return "Closed with its report";
      return merge?.merge_commit ? `Landed as ${short(merge.merge_commit)}` : "Closed";
  }
}

/** Whether its agent's text is wanted, and no commit. */
export function wantsReport(bead: Bead): boolean {
  return (bead.metadata as { report?: unknown } | null)?.report === true;
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
  if (agent.attached_by !== null) return `${agent.attached_by} is attached`;
  const words = { working: "working", idle: "between runs", stalled: "silent", dead: "cleaning up" };
  return words[agent.status];
}

/** What happened to a bead, or else to the town; read after the bead's title. */
const EVENTS: Record<string, string> = {
  "agent.heard_again": "is heard again",
  "agent.registered": "has come for it",
  "agent.released": "has left; the name is free",
  "agent.stalled": "is silent",
  "backup.made": "backed the home up",
  "bead.answered": "answered its question",
  "bead.asked": "asks",
  "bead.cancelled": "cancelled",
  "bead.checkpoint": "noted a checkpoint",
  "bead.closed": "landed",
  "bead.created": "slung",
  "bead.edited": "edited",
  "bead.failed": "gave up",
  "bead.held": "held",
  "bead.in_progress": "is at work",
  "bead.in_review": "handed on",
  "bead.let_go": "let go",
  "bead.open": "waits again",
  "login.link_made": "asked for a login link",
  "mail.sent": "sent mail",
  "merge.approval": "needs your review",
  "merge.base_red": "waits: the default branch is red, too",
  "merge.failed": "did not land",
  "merge.landing": "is landing",
  "merge.merged": "is on the default branch",
  "merge.remote_refused": "was refused by the remote",
  "merge.testing": "is tested by the gates",
  "merge.waiting": "waits to land",
  "message.delivered": "has heard the message",
  "message.failed": "was over before a message was heard",
  "message.queued": "got a message",
  "rig.added": "rig added",
  "rig.changed": "settings changed",
  "rig.checked": "gates tried on the default branch",
  "rig.paused": "paused",
  "rig.pulled": "pulled into the checkout",
  "rig.removed": "rig removed",
  "rig.resumed": "resumed",
  "run.attached": "somebody has stepped in",
  "run.claimed": "taken",
  "run.detached": "has its session back",
  "run.done": "says it is done",
  "run.ended": "run ended",
  "run.hint": "says it has completed",
  "run.started": "began to work",
  "run.stopping": "asked to stop",
  "server.ending": "server asked to end",
  "town.created": "town made",
  "town.removed": "town removed",
};

/** What follows from another entry beside it, or says little to a person. */
const IMPLIED = new Set(["login.link_made", "agent.registered", "agent.released", "bead.in_progress", "merge.landing", "merge.merged", "merge.waiting", "run.started", "run.stopping"]);

export function isImplied(event: LedgerEvent): boolean {
  return IMPLIED.has(event.kind);
}

/** An entry of the ledger: what happened. */
export function eventWords(event: LedgerEvent): string {
  if (event.kind === "bead.closed" && event.data.report === true) return "has its report";
  return EVENTS[event.kind] ?? event.kind.replace(/^[a-z]+\./, "").replaceAll("_", " ");
}

/** What an event says beyond its kind: a reason, an error, changed keys; empty if nothing. */
export function eventDetail(event: LedgerEvent): string {
  const parts = [];
  for (const key of ["outcome", "by", "how", "reason", "why", "error", "summary", "comment", "question", "answer", "settings", "fields"]) {
    const value = event.data[key];
    if (typeof value === "string" && value.trim() !== "") parts.push(value.trim().split("\n")[0]);
    else if (Array.isArray(value)) parts.push(value.join(", "));
  }
  return parts.join(" · ").replaceAll("_", " ");
}

/** Whose doing it was: a person by name, a polecat by name, or the town itself. */
export function actorWords(event: LedgerEvent): string {
  const [kind, name] = event.actor.split(":");
  if (kind === "user" && name) return name;
  return event.agent_name ?? "the town";
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
