import { Link, useNavigate } from "@tanstack/react-router";
import { memo, type KeyboardEvent } from "react";

import { askForMessage, askToStop } from "../app/overlays";
import type { Agent, Bead } from "../api/router";
import { useNow } from "../live/clock";
import { StreamView } from "../stream/StreamView";
import { Dot, Since } from "../ui/parts";
import { Title } from "../ui/Words";
import { agentWord, costWords, usageWords } from "../words/sentences";
import { age, duration, size } from "../words/time";

interface PaneProps {
  agent: Agent;
  bead: Bead | undefined;
  /** Its place among all panes, from 1. */
  place: number;
  places: number;
  pinned: boolean;
  alone: boolean;
  onPin: (id: string) => void;
  onAlone: (id: string) => void;
}

/** One polecat at work. Read in this order: who, how long, what, where, what it says now, what it costs, what I can do. */
export const Pane = memo(function Pane({ agent, bead, place, places, pinned, alone, onPin, onAlone }: PaneProps) {
  const navigate = useNavigate();
  const open = (): void => void navigate({ to: "/polecats/$agent", params: { agent: agent.id } });
  const keys: Record<string, () => void> = {
    Enter: open,
    m: () => askForMessage(agent.id, agent.name),
    s: () => askToStop(agent.id, agent.name),
    p: () => onPin(agent.id),
    f: () => onAlone(agent.id),
  };
  const pressed = (event: KeyboardEvent): void => {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  };
  return (
    <article
      className={`pane ${agent.status}${pinned ? " pinned" : ""}`}
      data-agent={agent.id}
      aria-label={`${agent.name}: ${bead?.title ?? "bead"}`}
      aria-posinset={place}
      aria-setsize={places}
      tabIndex={0}
      onKeyDown={pressed}
    >
      <h2>
        <Dot tone={agent.status === "stalled" ? "warn" : agent.status === "dead" ? "off" : "run"} />
        <span className="name">{agent.name}</span>
        {agent.status !== "working" && <span className="word">{agentWord(agent)}</span>}
        <span className="space" />
        <span className="aside">
          <button type="button" className="plain" aria-pressed={pinned} onClick={keys["p"]}>
            {pinned ? "unpin" : "pin"}
          </button>
          <button type="button" className="plain alone" aria-pressed={alone} onClick={keys["f"]}>
            {alone ? "all" : "focus"}
          </button>
        </span>
        <span className="t">{agent.started_at && <Since at={agent.started_at} />}</span>
      </h2>
      <p className="what">
        <Title text={bead?.title ?? "…"} />
      </p>
      <p className="meta">{[agent.branch, agent.agent_kind, bead?.model, `attempt ${(bead?.attempts ?? 0) + 1}`].filter(Boolean).join(" · ")}</p>
      {agent.run_id ? <StreamView key={agent.run_id} runId={agent.run_id} label={`Output of ${agent.name}`} /> : <div className="stream" />}
      {agent.status === "stalled" && agent.last_activity_at && <Silence since={agent.last_activity_at} />}
      <footer>
        <span className="figures">
          <Figures agent={agent} />
        </span>
        <span className="do">
          <button type="button" className="plain" onClick={keys["m"]}>
            message
          </button>
          <Link to="/polecats/$agent" params={{ agent: agent.id }}>
            open
          </Link>
          <button type="button" className="plain" onClick={keys["s"]}>
            stop
          </button>
        </span>
      </footer>
    </article>
  );
});

function Figures({ agent }: { agent: Agent }) {
  return (
    <>
      {agent.usage && <span title={usageWords(agent.usage)}>{agent.usage.cost_usd === null ? usageWords(agent.usage) : costWords(agent.usage.cost_usd)}</span>}
      {agent.cpu_percent !== null && <span title="CPU">{Math.round(agent.cpu_percent)}%</span>}
      {agent.memory_bytes !== null && <span title="Memory">{size(agent.memory_bytes)}</span>}
      {agent.last_event_at && <Lately verb="said" what="Last output" at={agent.last_event_at} />}
      {agent.heartbeat_at && <Lately verb="seen" what="Last heartbeat" at={agent.heartbeat_at} />}
    </>
  );
}

function Lately({ verb, what, at }: { verb: string; what: string; at: string }) {
  const seconds = age(at, useNow());
  return (
    <span title={what}>
      {verb} {seconds < 15 ? "now" : `${duration(seconds)} ago`}
    </span>
  );
}

function Silence({ since }: { since: string }) {
  const now = useNow();
  return <p className="silence">No output for {duration(age(since, now))}. Still running; only its time limit ends it.</p>;
}
