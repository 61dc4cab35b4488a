import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useState, type ReactNode } from "react";

import { useTitle } from "../app/attention";
import { api, isNotFound } from "../api/client";
import { beadQuery, rigQuery } from "../api/queries";
import type { BeadWithMerge } from "../api/router";
import { useNow } from "../live/clock";
import { Feed } from "../town/Feed";
import { Ask, Do } from "../ui/asking";
import { Ago, Dot, Empty, Trouble, type Tone } from "../ui/parts";
import { Title, Words } from "../ui/Words";
import { beadSentence, usageWords } from "../words/sentences";
import { PRIORITIES } from "../words/settings";
import { age, clockDay, duration } from "../words/time";
import { Changes } from "./Changes";
import { QuestionBox } from "./QuestionBox";
import { Transcript } from "./Transcript";

const TONES: Record<BeadWithMerge["status"], Tone> = { open: "off", in_progress: "run", in_review: "run", closed: "ok", failed: "bad", cancelled: "off" };

/** One bead: what it is, where it stands and why, what was tried, what changed, what was said. */
export function BeadPage() {
  const { bead: id } = useParams({ from: "/beads/$bead" });
  const { data: bead, error } = useQuery(beadQuery(id));
  useTitle(bead?.title ?? "Bead");
  if (isNotFound(error)) {
    return (
      <Empty title="There is no such bead">
        <p>Its rig may have been removed.</p>
      </Empty>
    );
  }
  if (!bead) return error ? <Trouble error={error} /> : null;
  return <Bead key={bead.id} bead={bead} />;
}

function Bead({ bead }: { bead: BeadWithMerge }) {
  const now = useNow();
  const review = bead.merge?.status === "approval";
  const needs = review || bead.queue_reason === "held" || (bead.type === "escalation" && bead.status === "open");
  return (
    <div className="page bead-page">
      <header>
        <p className="meta">
          <Dot tone={needs ? "need" : TONES[bead.status]} /> {bead.status.replace("_", " ")} · {bead.priority}
          {bead.agent_kind && ` · ${bead.agent_kind}`}
          {bead.model && ` · ${bead.model}`}
          {bead.branch && ` · ${bead.branch}`}
          {bead.usage && ` · ${usageWords(bead.usage)}`}
        </p>
        <h1>
          <Title text={bead.title} />
        </h1>
        <p className={`why${bead.status === "failed" ? " bad" : ""}${needs ? " need" : ""}`} role="status">
          <Words text={beadSentence(bead, bead.merge, now)} />
          {bead.assignee_agent_bead_id && (
            <>
              {" · "}
              <Link to="/polecats/$agent" params={{ agent: bead.assignee_agent_bead_id }}>
                {bead.assignee}
              </Link>
            </>
          )}
        </p>
        {bead.question && <QuestionBox agentId={bead.assignee_agent_bead_id ?? bead.id} question={bead.question} />}
        <Actions bead={bead} />
      </header>
      <Parts bead={bead} />
    </div>
  );
}

function Parts({ bead }: { bead: BeadWithMerge }) {
  const tabs: [string, string, () => ReactNode][] = [
    ["changes", "Changes", () => <Changes bead={bead} />],
    ["attempts", `Attempts ${bead.attempt_log.length || ""}`, () => <Attempts bead={bead} />],
    ["transcript", "Transcript", () => <Transcript bead={bead} />],
    ["events", "Events", () => <Feed scope={{ beadId: bead.id }} title="Events" />],
  ];
  const [chosen, setChosen] = useState(bead.branch === null || bead.status === "failed" ? "attempts" : bead.status === "in_progress" ? "transcript" : "changes");
  const tab = tabs.find(([key]) => key === chosen) ?? tabs[0];
  return (
    <>
      {bead.body && (
        <section className="body" aria-label="Body">
          <pre>
            <Words text={bead.body} />
          </pre>
        </section>
      )}
      <div className="tabs" role="tablist" aria-label="About this bead">
        {tabs.map(([key, words]) => (
          <button key={key} type="button" role="tab" aria-selected={key === chosen} onClick={() => setChosen(key)}>
            {words}
          </button>
        ))}
      </div>
      <div role="tabpanel" aria-label={tab?.[1]}>
        {tab?.[2]()}
      </div>
    </>
  );
}

function Actions({ bead }: { bead: BeadWithMerge }) {
  const [asking, setAsking] = useState<"rework" | "discard" | "cancel" | null>(null);
  const beadId = bead.id;
  const merge = bead.merge;
  const unfinished = bead.status === "open" || bead.status === "in_progress" || bead.status === "in_review";
  return (
    <div className="actions">
      {merge?.status === "approval" && (
        <>
          <Do className="strong" act={() => api.approveBead.mutate({ beadId })}>
            Approve
          </Do>
          <button type="button" onClick={() => setAsking("rework")}>
            Send back
          </button>
          <button type="button" onClick={() => setAsking("discard")}>
            Discard
          </button>
        </>
      )}
      {merge && (merge.status === "remote_refused" || merge.status === "base_red") && <Do act={() => api.retryMerge.mutate({ mergeId: merge.id })}>Try to land again</Do>}
      {(bead.status === "failed" || bead.status === "cancelled") && (
        <Do className="strong" act={() => api.retryBead.mutate({ beadId })}>
          Retry
        </Do>
      )}
      {bead.type === "escalation" && bead.status === "open" && (
        <Do className="strong" act={() => api.closeBead.mutate({ beadId })}>
          Dealt with
        </Do>
      )}
      {bead.type === "issue" && (bead.queue_reason === "held" || bead.queue_reason === "backoff") && (
        <Do className="strong" act={() => api.startBead.mutate({ beadId })}>
          Start now
        </Do>
      )}
      {bead.status === "open" && bead.type === "issue" && (
        <span className="choice" role="group" aria-label="Priority">
          {PRIORITIES.map((priority) => (
            <Priority key={priority} bead={bead} priority={priority} />
          ))}
        </span>
      )}
      {unfinished && bead.type === "issue" && (
        <button type="button" onClick={() => setAsking("cancel")}>
          Cancel it
        </button>
      )}
      {asking === "rework" && <Ask title="Send it back" asks="What should be different?" does="Send back" act={(comment) => api.reworkBead.mutate({ beadId, comment })} onClose={() => setAsking(null)} />}
      {asking === "discard" && <Ask title="Discard this bead?" text="Its branch goes; the tip stays in the clone." does="Discard" danger act={() => api.discardBead.mutate({ beadId })} onClose={() => setAsking(null)} />}
      {asking === "cancel" && <Ask title="Cancel this bead?" text="Its work is kept, and a retry takes it up again." does="Cancel it" danger act={() => api.cancelBead.mutate({ beadId })} onClose={() => setAsking(null)} />}
    </div>
  );
}

function Priority({ bead, priority }: { bead: BeadWithMerge; priority: BeadWithMerge["priority"] }) {
  if (bead.priority === priority) {
    return (
      <button type="button" aria-pressed="true">
        {priority}
      </button>
    );
  }
  return <Do act={() => api.updateBead.mutate({ beadId: bead.id, priority })}>{priority}</Do>;
}

function Attempts({ bead }: { bead: BeadWithMerge }) {
  const now = useNow();
  const { data: rig } = useQuery(rigQuery(bead.rig_id));
  if (bead.attempt_log.length === 0) return <p className="quiet">{bead.status === "in_progress" ? "The first attempt runs." : "Nothing was tried yet."}</p>;
  return (
    <ol className="attempts" aria-label="Attempts">
      {bead.attempt_log.map((attempt) => (
        <li key={attempt.number} value={attempt.number}>
          <p>
            <strong>{attempt.outcome.replaceAll("_", " ")}</strong>
            {!attempt.costs && <span className="word">cost no attempt</span>}
            {attempt.exit_status !== null && <span className="word">exit status {attempt.exit_status}</span>}
            {attempt.started_at && attempt.ended_at && <span className="word">{duration(age(attempt.started_at, Date.parse(attempt.ended_at)))}</span>}
            {attempt.ended_at && <span className="word">{clockDay(attempt.ended_at, now)}</span>}
          </p>
          {attempt.error && (
            <pre className="bad">
              <Words text={attempt.error} />
            </pre>
          )}
        </li>
      ))}
      {bead.closed_at && (
        <li className="end">
          Landed <Ago at={bead.closed_at} /> {rig && `on ${rig.default_branch}`}
        </li>
      )}
    </ol>
  );
}
