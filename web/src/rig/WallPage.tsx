import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";

import { useTitle } from "../app/attention";
import { openSling } from "../app/overlays";
import { remember, remembered } from "../app/theme";
import { rigQuery } from "../api/queries";
import type { Agent, Bead } from "../api/router";
import { useStreams } from "../live/connection";
import { useKeys } from "../ui/keys";
import { Empty, Trouble } from "../ui/parts";
import { Aside } from "./Aside";
import { Pane } from "./Pane";
import { fitted, seated } from "./places";
import { useRig } from "./RigFrame";

/** The live wall: one pane for every polecat with a live run. */
export function WallPage() {
  const rig = useRig();
  const { data, error } = useQuery(rigQuery(rig.id));
  useStreams({ rigId: rig.id });
  useTitle(`${rig.name} · ${rig.live} of ${rig.max_polecats}`);
  return (
    <div className="wall-page">
      {data ? <Wall rigId={rig.id} agents={data.agents} beads={data.beads} /> : <div>{error && <Trouble error={error} />}</div>}
      <Aside rig={rig} />
    </div>
  );
}

function Wall({ rigId, agents, beads }: { rigId: string; agents: Agent[]; beads: Bead[] }) {
  const [filter, setFilter] = useState("");
  const [alone, setAlone] = useState<string | null>(null);
  const [pins, togglePin] = usePins(rigId);
  const live = useMemo(() => agents.filter((agent) => agent.run !== null), [agents]);
  const places = usePlaces(live);
  const byId = new Map(live.map((agent) => [agent.id, agent]));
  const titles = new Map(beads.map((bead) => [bead.id, bead]));
  const wanted = (id: string | null): boolean => {
    const agent = id === null ? undefined : byId.get(id);
    if (!agent) return filter === "" && alone === null;
    if (alone !== null && byId.has(alone)) return agent.id === alone;
    const bead = titles.get(agent.bead_id ?? "");
    return `${agent.name} ${bead?.title ?? ""} ${agent.branch ?? ""} ${agent.agent_kind ?? ""}`.toLowerCase().includes(filter.toLowerCase());
  };
  const shown = places.map((id, at) => ({ id, at })).filter(({ id }) => wanted(id));
  const pinned = shown.filter(({ id }) => id !== null && pins.has(id));
  const order = [...pinned, ...shown.filter((place) => !pinned.includes(place))];
  const [box, size] = useSize();
  const layout = fitted(order.length, size.width, size.height);
  const search = useRef<HTMLInputElement>(null);
  useKeys({
    "/": () => search.current?.focus(),
    j: () => move(box.current, 1),
    ArrowRight: () => move(box.current, 1),
    k: () => move(box.current, -1),
    ArrowLeft: () => move(box.current, -1),
    ArrowDown: () => move(box.current, layout.columns),
    ArrowUp: () => move(box.current, -layout.columns),
    Escape: () => setAlone(null),
  });
  if (live.length === 0) return <Nobody rigId={rigId} />;
  return (
    <section className="wall" aria-label="Live wall">
      {(live.length > 1 || filter !== "" || alone !== null) && (
        <div className="tools">
          <input
            ref={search}
            type="search"
            aria-label="Filter panes"
            placeholder="Filter by name, title, branch"
            value={filter}
            onChange={(event) => setFilter(event.target.value)}
            onKeyDown={(event) => event.key === "Escape" && (setFilter(""), event.currentTarget.blur())}
          />
          {alone !== null && (
            <button type="button" onClick={() => setAlone(null)}>
              Show all {live.length}
            </button>
          )}
        </div>
      )}
      <div ref={box} className="panes" style={{ gridTemplateColumns: `repeat(${layout.columns}, minmax(0, 1fr))`, gridAutoRows: `${layout.height}px` }}>
        {order.map(({ id, at }) => {
          const agent = id === null ? undefined : byId.get(id);
          if (!agent) return <div key={`free ${at}`} className="pane free" aria-hidden="true" />;
          return (
            <Pane
              key={agent.id}
              agent={agent}
              bead={titles.get(agent.bead_id ?? "")}
              pinned={pins.has(agent.id)}
              alone={alone === agent.id}
              onPin={() => togglePin(agent.id)}
              onAlone={() => setAlone(alone === agent.id ? null : agent.id)}
            />
          );
        })}
        {order.length === 0 && <p className="quiet">No pane matches “{filter}”.</p>}
      </div>
    </section>
  );
}

function Nobody({ rigId }: { rigId: string }) {
  return (
    <Empty title="Nobody works here now">
      <p>Sling a bead: the first free polecat takes it, in a worktree of its own, and its output appears here.</p>
      <p>
        <button type="button" className="strong" onClick={() => openSling(rigId)}>
          Sling beads
        </button>{" "}
        <kbd>n</kbd>
      </p>
    </Empty>
  );
}

/** Places change only when somebody comes or goes. */
function usePlaces(live: readonly Agent[]): (string | null)[] {
  const [places, setPlaces] = useState<(string | null)[]>([]);
  const present = [...live].sort((a, b) => (a.run ?? 0) - (b.run ?? 0)).map((agent) => agent.id);
  const next = seated(places, present);
  if (next.length !== places.length || next.some((id, at) => id !== places[at])) {
    setPlaces(next);
    return next;
  }
  return places;
}

function usePins(rigId: string): [Set<string>, (id: string) => void] {
  const key = `boomtown.pins.${rigId}`;
  const [pins, setPins] = useState(() => new Set((remembered(key) ?? "").split(" ").filter(Boolean)));
  const toggle = (id: string): void => {
    const next = new Set(pins);
    if (!next.delete(id)) next.add(id);
    setPins(next);
    remember(key, [...next].slice(-50).join(" ") || null);
  };
  return [pins, toggle];
}

function useSize(): [React.RefObject<HTMLDivElement | null>, { width: number; height: number }] {
  const box = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState({ width: 1200, height: 700 });
  useEffect(() => {
    const area = box.current?.closest("main");
    if (!area) return undefined;
    const measure = (): void => {
      const panes = box.current?.getBoundingClientRect();
      if (!panes) return;
      const top = panes.top - area.getBoundingClientRect().top + area.scrollTop;
      setSize({ width: Math.floor(panes.width), height: Math.floor(area.clientHeight - top - 12) });
    };
    const observer = new ResizeObserver(measure);
    observer.observe(area);
    measure();
    return () => observer.disconnect();
  });
  return [box, size];
}

function move(box: HTMLElement | null, by: number): void {
  const panes = [...(box?.querySelectorAll<HTMLElement>("article") ?? [])];
  if (panes.length === 0) return;
  const now = panes.findIndex((pane) => pane.contains(document.activeElement));
  const next = now < 0 ? 0 : Math.min(panes.length - 1, Math.max(0, now + by));
  panes[next]?.focus();
  panes[next]?.scrollIntoView({ block: "nearest" });
}
