import { useSyncExternalStore } from "react";

import { api } from "../api/client";
import type { Frame } from "../api/router";

/** Lines kept of a run that nobody reads in full; a page that does keeps many more. */
const KEPT = 1_000;
const KEPT_WHILE_READ = 200_000;
const PAGE = 1_000;
/** A hole larger than this is not worth filling at once: what is older is loaded when the reader scrolls there. */
const LARGEST_FILL = 2_000;
const SHOWN_OF_A_LINE = 20_000;
const PAINT_EVERY_MS = 40;

/** A line: one frame, or the frames that it was split into. `cut`: characters left out of what is shown. */
export interface Line {
  seq: number;
  /** Of its last frame. */
  last: number;
  at: string;
  kind: string;
  data: unknown;
  /** It goes on in the next frame. */
  more: boolean;
  cut: number;
}

/** The lines of one run that are in memory: in order, none twice, none missing between the first and the last. */
export class RunStream {
  lines: Line[] = [];
  /** Grows with every change that readers have been told of. */
  version = 0;
  ended = false;
  failure: unknown = null;
  private readers = 0;
  private full = false;
  private filling = false;
  private ahead: Frame[] = [];
  private readonly listeners = new Set<() => void>();

  constructor(readonly runId: string) {}

  get firstSeq(): number {
    return this.lines[0]?.seq ?? 0;
  }

  get lastSeq(): number {
    return this.lines.at(-1)?.last ?? 0;
  }

  /** Take frames as they come; what was there already is left out, and a hole is filled from the run's file. */
  take(frames: readonly Frame[]): void {
    let changed = false;
    for (const frame of frames) {
      const last = this.lastSeq;
      if (this.lines.length > 0 && frame.seq <= last) continue;
      if (this.filling || (this.lines.length > 0 && frame.seq > last + 1)) {
        this.ahead.push(frame);
        continue;
      }
      add(this.lines, frame);
      changed = true;
    }
    if (changed) this.changed();
    if (this.ahead.length > 0 && !this.filling) void this.fill();
  }

  /** Load the end of a run that no frame has come of, from its file. */
  async loadEnd(): Promise<void> {
    if (this.filling) return;
    await this.exclusively(async () => {
      let since = this.lastSeq;
      for (;;) {
        const page = await api.getStream.query({ runId: this.runId, since, limit: PAGE });
        this.append(page.frames);
        this.ended = page.ended;
        since = page.nextSince;
        if (page.frames.length === 0) break;
      }
    });
  }

  /** Load the page before the first line. Resolves to whether there is still more before it. */
  async loadOlder(): Promise<boolean> {
    const first = this.firstSeq;
    if (first <= 1) return false;
    const since = Math.max(0, first - 1 - PAGE);
    const page = await api.getStream.query({ runId: this.runId, since, limit: first - 1 - since });
    const older: Line[] = [];
    for (const frame of page.frames) if (frame.seq < this.firstSeq) add(older, frame);
    const [end, begin] = [older.at(-1), this.lines[0]];
    if (end && begin && goesOn(end, begin)) {
      older[older.length - 1] = joined(end, begin);
      this.lines.shift();
    }
    this.lines = [...older, ...this.lines];
    this.changed();
    return this.firstSeq > 1;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** While somebody reads the run in full, its lines are kept. */
  readInFull(): () => void {
    this.readers += 1;
    return () => {
      this.readers -= 1;
      this.trim();
    };
  }

  /** Tell the readers; called by the painter, at most a few times a second. */
  tell(): void {
    this.trim();
    this.version += 1;
    for (const listener of this.listeners) listener();
  }

  private async fill(): Promise<void> {
    await this.exclusively(async () => {
      while (this.ahead.length > 0) {
        const next = this.ahead[0]?.seq ?? 0;
        const since = this.lastSeq;
        if (next - since > LARGEST_FILL) {
          this.lines = [];
        } else if (next > since + 1) {
          const page = await api.getStream.query({ runId: this.runId, since, limit: next - since - 1 });
          this.append(page.frames);
        }
        const waiting = this.ahead;
        this.ahead = [];
        this.append(waiting);
      }
    });
  }

  private async exclusively(work: () => Promise<void>): Promise<void> {
    this.filling = true;
    try {
      await work();
      this.failure = null;
    } catch (error) {
      this.failure = error;
    } finally {
      this.filling = false;
      const waiting = this.ahead;
      this.ahead = [];
      this.append(waiting);
      this.changed();
    }
  }

  private append(frames: readonly Frame[]): void {
    for (const frame of frames) {
      if (this.lines.length === 0 || frame.seq > this.lastSeq) add(this.lines, frame);
    }
    if (frames.length > 0) this.changed();
  }

  private changed(): void {
    painter.add(this);
  }

  private trim(): void {
    const kept = this.readers > 0 ? KEPT_WHILE_READ : KEPT;
    this.full = this.lines.length > kept * 1.25;
    if (this.full) this.lines = this.lines.slice(-kept);
  }
}

function add(lines: Line[], frame: Frame): void {
  const line: Line = { ...shown(frame.data, 0), seq: frame.seq, last: frame.seq, at: frame.at, kind: frame.kind, more: frame.more === true };
  const before = lines.at(-1);
  if (before && goesOn(before, line)) lines[lines.length - 1] = joined(before, line);
  else lines.push(line);
}

/** Whether the second is more of the first: of a long line, or of one prompt. */
function goesOn(begin: Line, end: Line): boolean {
  return begin.kind === end.kind && (begin.more || end.kind === "prompt");
}

/** Two parts as one. */
function joined(begin: Line, end: Line): Line {
  const between = begin.more ? "" : "\n";
  const data = typeof begin.data === "string" && typeof end.data === "string" ? begin.data + between + end.data : begin.data;
  return { ...begin, ...shown(data, begin.cut + end.cut), last: end.last, more: end.more };
}

function shown(data: unknown, cut: number): Pick<Line, "data" | "cut"> {
  if (typeof data !== "string" || data.length <= SHOWN_OF_A_LINE) return { data, cut };
  return { data: data.slice(0, SHOWN_OF_A_LINE), cut: cut + data.length - SHOWN_OF_A_LINE };
}

/** Gathers what changed and tells its readers together, in step with the screen. */
class Painter {
  private readonly changed = new Set<RunStream>();
  private timer: ReturnType<typeof setTimeout> | null = null;

  add(stream: RunStream): void {
    this.changed.add(stream);
    this.timer ??= setTimeout(() => requestAnimationFrame(this.paint), PAINT_EVERY_MS);
  }

  private readonly paint = (): void => {
    this.timer = null;
    const told = [...this.changed];
    this.changed.clear();
    for (const stream of told) stream.tell();
  };
}

const painter = new Painter();
const runs = new Map<string, RunStream>();
const MOST_RUNS = 400;

export function streamOf(runId: string): RunStream {
  const known = runs.get(runId);
  if (known) {
    runs.delete(runId);
    runs.set(runId, known);
    return known;
  }
  const made = new RunStream(runId);
  runs.set(runId, made);
  const oldest = runs.keys().next().value;
  if (runs.size > MOST_RUNS && oldest !== undefined) runs.delete(oldest);
  return made;
}

/** Sort frames of many runs into their streams. */
export function takeFrames(frames: readonly Frame[]): void {
  const byRun = new Map<string, Frame[]>();
  for (const frame of frames) {
    const of = byRun.get(frame.runId);
    if (of) of.push(frame);
    else byRun.set(frame.runId, [frame]);
  }
  for (const [runId, of] of byRun) streamOf(runId).take(of);
}

/** Follow a run's lines: renders again when there are new ones. */
export function useRunStream(stream: RunStream): number {
  return useSyncExternalStore(stream.subscribe, () => stream.version);
}
