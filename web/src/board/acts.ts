import { api } from "../api/client";
import type { Bead, Merge, Priority } from "../api/router";
import { PRIORITIES } from "../words/settings";

/** Something that a person can do with a bead where it stands. */
export interface Act {
  name: string;
  /** The key that does it, on the card. */
  key: string;
  act: () => Promise<unknown>;
  /** What to say before it is done, if it can't simply be taken back. */
  sure?: string;
}

export type Place = "waiting" | "working" | "review" | "landed" | "failed";

/** A place on the board where a bead can be dropped, and what that does. */
export interface Drop {
  words: string;
  act: Act;
}

/** What can be done with a bead, in the order of its buttons. */
export function actsOf(bead: Bead, merge: Merge | null): Act[] {
  const beadId = bead.id;
  if (bead.type === "escalation") return bead.status === "open" ? [{ name: "dealt with", key: "a", act: () => api.closeBead.mutate({ beadId }) }] : [];
  switch (bead.status) {
    case "open": {
      const start: Act = { name: "start", key: "a", act: () => api.startBead.mutate({ beadId }) };
      return bead.queue_reason === "held" || bead.queue_reason === "backoff" ? [start, cancelOf(bead)] : [cancelOf(bead)];
    }
    case "in_progress":
      return [cancelOf(bead)];
    case "in_review":
      if (merge?.status === "approval") return [{ name: "approve", key: "a", act: () => api.approveBead.mutate({ beadId }) }, cancelOf(bead)];
      if (merge?.status === "remote_refused" || merge?.status === "base_red") return [{ name: "try again", key: "r", act: () => api.retryMerge.mutate({ mergeId: merge.id }) }, cancelOf(bead)];
      return [];
    case "failed":
    case "cancelled":
      return [{ name: "retry", key: "r", act: () => api.retryBead.mutate({ beadId }) }];
    default:
      return [];
  }
}

function cancelOf(bead: Bead): Act {
  const act: Act = { name: "cancel", key: "x", act: () => api.cancelBead.mutate({ beadId: bead.id }) };
  return bead.status === "open" ? act : { ...act, sure: "Its process is ended. Its work is kept, and a retry takes it up again." };
}

/** `+` and `-` change a waiting bead's priority by one. */
export function stepOf(bead: Bead, key: string): Act | null {
  const step = key === "+" ? -1 : key === "-" ? 1 : 0;
  const priority = PRIORITIES[PRIORITIES.indexOf(bead.priority) + step];
  return step === 0 || priority === undefined || !isWaiting(bead) ? null : priorityOf(bead, priority);
}

function priorityOf(bead: Bead, priority: Priority): Act {
  return { name: priority, key: "", act: () => api.updateBead.mutate({ beadId: bead.id, priority }) };
}

function isWaiting(bead: Bead): boolean {
  return bead.status === "open" && bead.type === "issue";
}

/** What dropping a bead onto a column can mean: the same as its buttons and keys. */
export function dropsOf(bead: Bead, merge: Merge | null, place: Place): Drop[] {
  const acts = actsOf(bead, merge);
  const drop = (name: string, words: string): Drop[] => acts.filter((act) => act.name === name).map((act) => ({ words, act }));
  switch (place) {
    case "waiting":
      if (isWaiting(bead)) return PRIORITIES.filter((priority) => priority !== bead.priority).map((priority) => ({ words: `Make it ${priority}`, act: priorityOf(bead, priority) }));
      return drop("retry", "Retry it");
    case "working":
      return drop("start", "Start it now");
    case "review":
      return drop("try again", "Try to land it again");
    case "landed":
      return drop("approve", "Approve it: it lands");
    case "failed":
      return drop("cancel", "Cancel it");
  }
}
