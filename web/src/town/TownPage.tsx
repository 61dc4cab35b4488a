import { Link } from "@tanstack/react-router";

import { useTitle } from "../app/attention";
import { openAddRig, openSling } from "../app/overlays";
import { useStatus } from "../app/where";
import { api } from "../api/client";
import type { RigStatus, Status } from "../api/router";
import { Do } from "../ui/asking";
import { Ago, Dot, Empty, Slots, type Tone } from "../ui/parts";
import { Title, Words } from "../ui/Words";
import { biting, isUsedUp } from "../words/budgets";
import { usageWords } from "../words/sentences";
import { count, size } from "../words/time";
import { Feed } from "./Feed";

/** The whole home at a glance: rigs, health, what happened. */
export function TownPage() {
  const status = useStatus();
  useTitle("Town");
  return (
    <div className="page town">
      <h1 className="sr">Town</h1>
      {status.rigs.length === 0 ? (
        <NoRigs />
      ) : (
        <section className="cards" aria-label="Rigs">
          {status.rigs.map((rig) => (
            <RigCard key={rig.id} rig={rig} />
          ))}
        </section>
      )}
      <Health status={status} />
      {status.last_errors.length > 0 && (
        <section className="list" aria-label="Last errors">
          <h2>Last errors</h2>
          {status.last_errors.map((error) => (
            <div className="row" key={error.bead_id}>
              <Link to="/beads/$bead" params={{ bead: error.bead_id }}>
                <Title text={error.title} />
              </Link>
              <p className="why bad">
                <Words text={error.error.split("\n")[0] ?? ""} />
              </p>
              <span className="when">
                <Ago at={error.at} />
              </span>
            </div>
          ))}
        </section>
      )}
      <Feed scope={{}} title="What happened" few />
    </div>
  );
}

function NoRigs() {
  return (
    <Empty title="A town begins with a repository">
      <p>A rig is a git repository under management. Boomtown clones it; your own checkout is never touched.</p>
      <p>
        <button type="button" className="strong" onClick={openAddRig}>
          Add a rig
        </button>
      </p>
      <p>
        Or in a terminal: <code>boomtown rig add web ~/src/web</code>
      </p>
    </Empty>
  );
}

function RigCard({ rig }: { rig: RigStatus }) {
  const review = rig.merges.filter((merge) => merge.status === "approval").length;
  const landing = rig.merges.length - review;
  return (
    <article className="card" aria-label={rig.name}>
      <h2>
        <Link to="/rigs/$rig" params={{ rig: rig.name }}>
          {rig.name}
        </Link>
        {rig.status === "paused" && <span className="word">paused</span>}
      </h2>
      <p className="meta">{rig.git_url}</p>
      <p className="line">
        <Slots live={rig.live} cap={rig.max_polecats} /> slots busy
        <span className="space" />
        {rig.usage && <span title={`In all: ${usageWords(rig.usage)}`}>{rig.usage_today ? `${usageWords(rig.usage_today)} today` : "nothing used today"}</span>}
      </p>
      <dl>
        <Figure label="waiting" value={rig.queue} />
        <Figure label="landing" value={landing} />
        <Figure label="to review" value={review} need />
        <Figure label="gave up" value={rig.failed} bad />
      </dl>
      <footer>
        <button type="button" className="plain" onClick={() => openSling(rig.id)}>
          sling beads
        </button>
        <Link to="/rigs/$rig/board" params={{ rig: rig.name }}>
          board
        </Link>
        <span className="space" />
        {rig.status === "paused" ? (
          <Do className="plain" act={() => api.resume.mutate({ rigId: rig.id })}>
            resume
          </Do>
        ) : (
          <Do className="plain" act={() => api.pause.mutate({ rigId: rig.id })}>
            pause
          </Do>
        )}
      </footer>
    </article>
  );
}

function Figure({ label, value, need = false, bad = false }: { label: string; value: number; need?: boolean; bad?: boolean }) {
  const tone = value > 0 && need ? "need" : value > 0 && bad ? "bad" : undefined;
  return (
    <div>
      <dt>{label}</dt>
      <dd className={tone}>{value}</dd>
    </div>
  );
}

function Health({ status }: { status: Status }) {
  const parts: [Tone, string, string][] = [
    ["ok", "Server", `up, version ${status.version}, ${size(status.server.memory_bytes)}`],
    status.container.attached
      ? ["ok", "Container", `attached, ${count(status.live, "agent")} alive`]
      : ["warn", "Container", "not attached; it comes back by itself, or `boomtown doctor` says why"],
    status.breaker_open ? ["bad", "Dispatch", "stopped: too many beads failed. Look why, then resume"] : status.paused ? ["warn", "Dispatch", "paused"] : ["ok", "Dispatch", "running"],
    ...(status.usage ? [["off", "Used", `${status.usage_today ? usageWords(status.usage_today) : "nothing"} today, ${usageWords(status.usage)} in all`] as [Tone, string, string]] : []),
    ...biting(status).map((budget): [Tone, string, string] => [isUsedUp(budget) ? "bad" : "warn", "Budget", `${budget.words}${isUsedUp(budget) ? ": its agents wait" : ""}`]),
    ...status.refused_agents.map((one): [Tone, string, string] => ["warn", one.agent, one.detail]),
    ["off", "Sandbox", status.sandbox === "none" ? "none: agents run as you, and can do what you can" : status.sandbox],
  ];
  return (
    <section className="list health" aria-label="Health">
      <h2>Health</h2>
      <dl>
        {parts.map(([tone, name, text], at) => (
          <div key={at}>
            <dt>
              <Dot tone={tone} /> {name}
            </dt>
            <dd>
              <Words text={text} />
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
