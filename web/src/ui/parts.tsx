import type { ReactNode } from "react";

import { sentenceOf } from "../api/client";
import { useNow } from "../live/clock";
import { ago, clockDay, stopwatch, age } from "../words/time";
import { Words } from "./Words";

export type Tone = "run" | "ok" | "warn" | "bad" | "need" | "off";

/** A dot, always beside a word that says the same. */
export function Dot({ tone }: { tone: Tone }) {
  return <i className={`dot ${tone}`} aria-hidden="true" />;
}

/** How long since. It ticks. */
export function Since({ at }: { at: string }) {
  const now = useNow();
  return <>{stopwatch(age(at, now))}</>;
}

/** How long ago, roughly; exactly when pointed at. */
export function Ago({ at }: { at: string }) {
  const now = useNow();
  return (
    <time dateTime={at} title={clockDay(at, now)}>
      {ago(at, now)}
    </time>
  );
}

/** An empty place that teaches the next step. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** A question that the server did not answer well. */
export function Trouble({ error }: { error: unknown }) {
  return (
    <div className="empty" role="alert">
      <h2>This could not be read</h2>
      <p>
        <Words text={sentenceOf(error)} />
      </p>
    </div>
  );
}

/** Slots of a rig: as squares while they can be counted at a glance, else in numbers only. */
export function Slots({ live, cap }: { live: number; cap: number }) {
  return (
    <span className="slots-of">
      {cap <= 12 && (
        <span className="slots" aria-hidden="true">
          {Array.from({ length: Math.max(cap, live) }, (_, at) => (
            <i key={at} className={at < live ? undefined : "free"} />
          ))}
        </span>
      )}
      <strong>
        {live} of {cap}
      </strong>
    </span>
  );
}
