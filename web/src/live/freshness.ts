import { QueryClient } from "@tanstack/react-query";

import { worthRetrying } from "../api/queries";
import type { LedgerEvent } from "../api/router";

/** Events come in bursts; what they touch is asked for once for all of a burst. */
const GATHER_MS = 250;

export const queries = new QueryClient({
  defaultOptions: {
    queries: { retry: worthRetrying, staleTime: 2_000, refetchOnWindowFocus: true, retryDelay: 500 },
    mutations: { retry: false },
  },
});

const touched = new Map<string, readonly unknown[]>();
let timer: ReturnType<typeof setTimeout> | null = null;

/** Something happened: whatever shows it is asked for again. */
export function takeEvent(event: LedgerEvent): void {
  touch(["status"]);
  touch(["inbox"]);
  touch(["events"]);
  if (event.rig_id) {
    touch(["rig", event.rig_id]);
    touch(["beads", event.rig_id]);
    touch(["merges", event.rig_id]);
    touch(["gates"]);
  }
  if (event.bead_id) {
    touch(["bead", event.bead_id]);
    touch(["diff", event.bead_id]);
  }
  if (event.agent_id) touch(["agent", event.agent_id]);
}

/** After something that a person did here: everything that is shown. */
export function refreshAll(): void {
  void queries.invalidateQueries();
}

function touch(key: readonly unknown[]): void {
  touched.set(JSON.stringify(key), key);
  timer ??= setTimeout(flush, GATHER_MS);
}

function flush(): void {
  timer = null;
  const keys = [...touched.values()];
  touched.clear();
  for (const queryKey of keys) void queries.invalidateQueries({ queryKey });
}
