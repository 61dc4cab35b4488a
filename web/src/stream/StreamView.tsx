import { useVirtualizer } from "@tanstack/react-virtual";
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";

import { streamOf, useRunStream } from "../live/streams";
import { count } from "../words/time";
import { Finder } from "./Finder";
import { LineView } from "./LineView";

const NEAR_THE_END_PX = 24;
const A_TOUCH_LASTS_MS = 600;
const LINE_PX = 18;

export interface StreamProps {
  runId: string;
  /** What a screen reader calls it. */
  label: string;
  times?: boolean;
  /** Load what no frame has come of: for runs that are over. */
  whole?: boolean;
  /** With a search, and a way from tool call to tool call. */
  tools?: boolean;
}

/** The lines of one run. It follows the end until the reader scrolls away, and then counts what is new. */
export function StreamView({ runId, label, times = false, whole = false, tools = false }: StreamProps) {
  const stream = streamOf(runId);
  const version = useRunStream(stream);
  const box = useRef<HTMLDivElement>(null);
  const touchedAt = useRef(0);
  const topBefore = useRef(0);
  const [leftAt, setLeftAt] = useState<number | null>(null);
  const [marked, setMarked] = useState<number | null>(null);
  const following = leftAt === null;
  const lines = stream.lines;
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => box.current,
    estimateSize: () => LINE_PX,
    getItemKey: (index) => lines[index]?.seq ?? index,
    overscan: 8,
  });
  const height = virtual.getTotalSize();

  useEffect(() => {
    if (whole) void stream.loadEnd();
  }, [stream, whole]);

  useEffect(() => (following ? undefined : stream.readInFull()), [stream, following]);

  useLayoutEffect(() => {
    const element = box.current;
    if (element && following) element.scrollTop = element.scrollHeight;
  }, [version, height, following]);

  const touched = useCallback(() => {
    touchedAt.current = performance.now();
  }, []);

  // At once, and not when the scroll arrives: until then the next line would have moved it back to the end.
  const wheeled = useCallback(
    (event: React.WheelEvent) => {
      touched();
      if (event.deltaY < 0 && event.currentTarget.scrollTop > 0) setLeftAt((before) => before ?? stream.lastSeq);
    },
    [stream, touched],
  );

  const scrolled = useCallback(() => {
    const element = box.current;
    if (!element) return;
    const upwards = element.scrollTop < topBefore.current;
    topBefore.current = element.scrollTop;
    if (performance.now() - touchedAt.current > A_TOUCH_LASTS_MS) return;
    const atEnd = !upwards && element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_THE_END_PX;
    setLeftAt((before) => (atEnd ? null : (before ?? stream.lastSeq)));
    if (element.scrollTop < 200) void older(stream, element);
  }, [stream]);

  const goTo = useCallback(
    (index: number) => {
      setLeftAt((before) => before ?? stream.lastSeq);
      virtual.scrollToIndex(index, { align: "center" });
      setMarked(stream.lines[index]?.seq ?? null);
    },
    [stream, virtual],
  );

  const fresh = following ? 0 : lines.reduce((sum, line) => sum + (line.seq > leftAt ? 1 : 0), 0);
  return (
    <div className="stream">
      {tools && <Finder stream={stream} onFound={goTo} />}
      <div
        ref={box}
        className="lines"
        role="log"
        aria-live="off"
        aria-label={label}
        tabIndex={0}
        onScroll={scrolled}
        onWheel={wheeled}
        onTouchMove={touched}
        onPointerDown={touched}
        onKeyDown={touched}
      >
        <div className="sizer" style={{ height }}>
          {virtual.getVirtualItems().map((item) => {
            const line = lines[item.index];
            return (
              line && (
                <div key={item.key} ref={virtual.measureElement} data-index={item.index} className={line.seq === marked ? "placed marked" : "placed"} style={{ transform: `translateY(${item.start}px)` }}>
                  <LineView line={line} times={times} />
                </div>
              )
            );
          })}
        </div>
        {lines.length === 0 && <p className="quiet">{stream.ended ? "It printed nothing." : "Nothing printed yet."}</p>}
      </div>
      {!following && (
        <button type="button" className="to-end" onClick={() => setLeftAt(null)}>
          {fresh > 0 ? count(fresh, "new line") : "Go to the end"}
        </button>
      )}
    </div>
  );
}

const loading = new WeakSet<object>();

async function older(stream: ReturnType<typeof streamOf>, element: HTMLElement): Promise<void> {
  if (loading.has(stream) || stream.firstSeq <= 1) return;
  loading.add(stream);
  const before = element.scrollHeight - element.scrollTop;
  try {
    await stream.loadOlder();
    requestAnimationFrame(() => requestAnimationFrame(() => (element.scrollTop = element.scrollHeight - before)));
  } finally {
    loading.delete(stream);
  }
}
