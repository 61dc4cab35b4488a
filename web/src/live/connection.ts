import { useEffect } from "react";

import { api, isUnauthorized, session } from "../api/client";
import type { Live } from "../api/router";
import { createStore } from "./store";
import { takeFrames } from "./streams";
import { takeEvent } from "./freshness";

/** Which streams a page wants beside the events, which always come. */
export interface Wanted {
  rigId?: string;
  agentIds?: string[];
}

/** How the live connection is: what people are told if it is not there. */
export const liveState = createStore<"connecting" | "live" | "lost">("connecting");

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5_000;

/** The page's one subscription. It comes back by itself, and goes on exactly where it was. */
class Connection {
  private wanted: Wanted | null = null;
  private key = "";
  private lastId: string | null = null;
  private subscription: { unsubscribe: () => void } | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private wait = FIRST_WAIT_MS;

  /** Follow these streams from now on; null: events only. Calls in a row cost one new connection. */
  want(wanted: Wanted | null): void {
    this.wanted = wanted;
    this.schedule(0);
  }

  start(): void {
    this.schedule(0);
  }

  close(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.subscription?.unsubscribe();
    this.subscription = null;
    this.key = "";
  }

  private schedule(ms: number): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = null;
      this.open();
    }, ms);
  }

  private open(): void {
    const key = JSON.stringify(this.wanted);
    if (this.subscription && key === this.key) return;
    // other streams: the events go on where they were, the streams begin with the last lines of each run
    if (key !== this.key && this.lastId !== null) this.lastId = `${this.lastId.split(".")[0] ?? ""}.`;
    this.subscription?.unsubscribe();
    this.key = key;
    const input = { ...this.wanted, streams: this.wanted !== null, ...(this.lastId ? { lastEventId: this.lastId } : {}) };
    const mine = api.onLive.subscribe(input, {
      onStarted: () => this.alive(),
      onData: (item) => {
        this.lastId = item.id;
        this.alive();
        take(item.data);
      },
      onConnectionStateChange: (change) => {
        if (change.state === "connecting" && change.error) liveState.set("lost");
      },
      onError: (error) => this.broken(mine, error),
      onComplete: () => this.broken(mine, null),
    });
    this.subscription = mine;
  }

  private alive(): void {
    this.wait = FIRST_WAIT_MS;
    liveState.set("live");
  }

  private broken(which: unknown, error: unknown): void {
    if (which !== this.subscription) return;
    this.subscription = null;
    if (isUnauthorized(error)) {
      session.set("out");
      return;
    }
    liveState.set("lost");
    this.schedule(this.wait);
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
  }
}

function take(live: Live): void {
  if (live.type === "frames") takeFrames(live.frames);
  else takeEvent(live.event);
}

const connection = new Connection();

/** Keep the page connected while somebody is logged in. */
export function useConnection(): void {
  useEffect(() => {
    connection.start();
    return () => connection.close();
  }, []);
}

/** The streams that a page shows, while it is shown. */
export function useStreams(wanted: Wanted): void {
  const key = JSON.stringify(wanted);
  useEffect(() => {
    connection.want(JSON.parse(key) as Wanted);
    return () => connection.want(null);
  }, [key]);
}
