import { useQuery } from "@tanstack/react-query";
import { useCallback, useMemo, useRef, useState } from "react";

import { useTitle } from "../app/attention";
import { openSling } from "../app/overlays";
import { remember, remembered } from "../app/theme";
import { rigQuery } from "../api/queries";
import type { Agent, Bead } from "../api/router";
import { useStreams } from "../live/connection";
import { useKeys } from "../ui/keys";
import { Empty, Trouble } from "../ui/parts";
import { Aside } from "./Aside";
import { Panes } from "./Panes";
import { seated } from "./places";
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
  const search = useRef<HTMLInputElement>(null);
  useKeys({ "/": () => search.current?.focus(), Escape: () => setAlone(null) });
  const goAlone = useCallback((id: string) => setAlone((before) => (before === id ? null : id)), []);
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
      {order.length === 0 ? (
        <p className="quiet">No pane matches “{filter}”.</p>
      ) : (
        <Panes order={order.map(({ id }) => id)} agents={byId} beads={titles} pins={pins} alone={alone} onPin={togglePin} onAlone={goAlone} />
      )}
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
  const toggle = useCallback(
    (id: string): void =>
      setPins((before) => {
        const next = new Set(before);
        if (!next.delete(id)) next.add(id);
        remember(key, [...next].slice(-50).join(" ") || null);
        return next;
      }),
    [key],
  );
  return [pins, toggle];
}
