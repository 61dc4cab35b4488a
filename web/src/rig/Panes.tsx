import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";

import type { Agent, Bead } from "../api/router";
import { useKeys } from "../ui/keys";
import { Pane } from "./Pane";
import { fitted, GAP, seen, type Layout } from "./places";

interface PanesProps {
  /** Polecats' ids in the order of their places; null: a place that is free. */
  order: readonly (string | null)[];
  agents: ReadonlyMap<string, Agent>;
  beads: ReadonlyMap<string, Bead>;
  pins: ReadonlySet<string>;
  alone: string | null;
  onPin: (id: string) => void;
  onAlone: (id: string) => void;
}

/** The panes in a grid that fits the page. Only those on the screen, and the rows next to them, are there at all. */
export function Panes({ order, agents, beads, pins, alone, onPin, onAlone }: PanesProps) {
  const box = useRef<HTMLDivElement>(null);
  const size = useSize(box);
  const layout = fitted(order.length, size.width, size.height);
  const rows = useRows(box, layout);
  const [chosen, setChosen] = useState<string | null>(null);
  const goTo = useRef<string | null>(null);
  const move = (by: number): void => {
    const ids = order.filter((id): id is string => id !== null && agents.has(id));
    const now = chosen !== null && box.current?.contains(document.activeElement) ? ids.indexOf(chosen) : -1;
    const next = ids[now < 0 ? 0 : Math.min(ids.length - 1, Math.max(0, now + by))] ?? null;
    goTo.current = next;
    if (next === chosen) focus(box.current, goTo);
    setChosen(next);
  };
  useKeys({
    j: () => move(1),
    ArrowRight: () => move(1),
    k: () => move(-1),
    ArrowLeft: () => move(-1),
    ArrowDown: () => move(layout.columns),
    ArrowUp: () => move(-layout.columns),
  });
  useLayoutEffect(() => focus(box.current, goTo), [chosen]);
  const count = Math.ceil(order.length / layout.columns);
  return (
    <div ref={box} className="panes" style={{ gridTemplateColumns: `repeat(${layout.columns}, minmax(0, 1fr))`, gridTemplateRows: `repeat(${count}, ${layout.height}px)` }}>
      {order.map((id, at) => {
        const row = Math.floor(at / layout.columns);
        if ((row < rows.first || row > rows.last) && (id === null || id !== chosen)) return null;
        const place = { gridRow: row + 1, gridColumn: (at % layout.columns) + 1 };
        const agent = id === null ? undefined : agents.get(id);
        if (!agent) return <div key={`free ${at}`} className="pane free" style={place} aria-hidden="true" />;
        return (
          <div key={agent.id} className="seat" style={place} onFocus={() => setChosen(agent.id)}>
            <Pane
              agent={agent}
              bead={beads.get(agent.bead_id ?? "")}
              place={at + 1}
              places={order.length}
              pinned={pins.has(agent.id)}
              alone={alone === agent.id}
              onPin={onPin}
              onAlone={onAlone}
            />
          </div>
        );
      })}
    </div>
  );
}

function focus(box: HTMLElement | null, wanted: React.RefObject<string | null>): void {
  const pane = wanted.current === null ? null : box?.querySelector<HTMLElement>(`[data-agent="${CSS.escape(wanted.current)}"]`);
  if (!pane) return;
  wanted.current = null;
  pane.focus({ preventScroll: true });
  pane.scrollIntoView({ block: "nearest" });
}

/** Pixels that the panes may fill without scrolling. */
function useSize(box: React.RefObject<HTMLDivElement | null>): { width: number; height: number } {
  const [size, setSize] = useState({ width: 1200, height: 700 });
  useLayoutEffect(() => {
    const panes = box.current;
    const area = panes?.closest("main");
    if (!panes || !area) return undefined;
    const measure = (): void => {
      const top = panes.getBoundingClientRect().top - area.getBoundingClientRect().top + area.scrollTop;
      const next = { width: Math.floor(panes.clientWidth), height: Math.floor(area.clientHeight - top - 12) };
      setSize((before) => (before.width === next.width && before.height === next.height ? before : next));
    };
    const observer = new ResizeObserver(measure);
    observer.observe(area);
    observer.observe(panes);
    measure();
    return () => observer.disconnect();
  }, [box]);
  return size;
}

/** The first and the last row that are drawn. */
function useRows(box: React.RefObject<HTMLDivElement | null>, { height }: Layout): { first: number; last: number } {
  const [rows, setRows] = useState({ first: 0, last: 3 });
  const look = useCallback(() => {
    const panes = box.current;
    const area = panes?.closest("main");
    if (!panes || !area) return;
    const above = area.getBoundingClientRect().top - panes.getBoundingClientRect().top;
    const next = seen(above, area.clientHeight, height + GAP);
    setRows((before) => (before.first === next.first && before.last === next.last ? before : next));
  }, [box, height]);
  useEffect(() => {
    const area = box.current?.closest("main");
    if (!area) return undefined;
    const observer = new ResizeObserver(look);
    observer.observe(area);
    area.addEventListener("scroll", look, { passive: true });
    look();
    return () => {
      observer.disconnect();
      area.removeEventListener("scroll", look);
    };
  }, [box, look]);
  return rows;
}
