import { useSyncExternalStore } from "react";

import { clockSkew } from "../api/client";

/** The one clock of all ticking times: once a second, only while somebody looks. */
const listeners = new Set<() => void>();
let now = Date.now();
let timer: ReturnType<typeof setInterval> | null = null;

function tick(): void {
  if (document.hidden) return;
  now = Date.now();
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(tick, 1000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0 && timer !== null) {
      clearInterval(timer);
      timer = null;
    }
  };
}

document.addEventListener("visibilitychange", tick);

/** Milliseconds on the server's clock, to the second. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now) + clockSkew.get();
}
