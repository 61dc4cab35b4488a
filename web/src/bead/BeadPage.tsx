import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useState } from "react";

import { useTitle } from "../app/attention";
import { api, isNotFound } from "../api/client";
import { beadQuery, rigQuery } from "../api/queries";
import type { BeadWithMerge } from "../api/router";
import { actsOf, type Act } from "../board/acts";
import { useNow } from "../live/clock";
import { refreshAll } from "../live/freshness";
import { GateOutput } from "../merge/GateOutput";
import { MergeWords } from "../merge/MergeWords";
import { Feed } from "../town/Feed";
import { Ask, Do, Refusal } from "../ui/asking";
import { useKeys } from "../ui/keys";
import { Ago, Dot, Empty, Trouble, type Tone } from "../ui/parts";
import { Tabs, type Tab } from "../ui/Tabs";
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
          {bead.status === "in_review" && bead.merge ? <MergeWords merge={bead.merge} /> : <Words text={beadSentence(bead, bead.merge, now)} />}
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
  const merge = bead.merge;
  const tested = merge !== null && merge.status !== "approval";
  const report = bead.report;
  const tabs: Tab[] = [
    ...(report !== null ? [{ key: "report", words: "Report", panel: () => <Report text={report} /> }] : []),
    { key: "changes", words: "Changes", panel: () => <Changes bead={bead} /> },
    { key: "attempts", words: `Attempts ${bead.attempt_log.length || ""}`, panel: () => <Attempts bead={bead} /> },
    { key: "transcript", words: "Transcript", panel: () => <Transcript bead={bead} /> },
    ...(tested ? [{ key: "gates", words: "Gates", panel: () => <GateOutput merge={merge} name={bead.title} /> }] : []),
    { key: "events", words: "Events", panel: () => <Feed scope={{ beadId: bead.id }} title="Events" /> },
  ];
  const [chosen, setChosen] = useState(() => firstTab(bead));
  useKeys(Object.fromEntries(tabs.map(({ key }, at) => [String(at + 1), () => setChosen(key)])));
  return (
    <>
      {bead.body && (
        <section className="body" aria-label="Body">
          <pre>
            <Words text={bead.body} />
          </pre>
        </section>
      )}
      <Tabs label="About this bead" tabs={tabs} chosen={chosen} onChoose={setChosen} />
    </>
  );
}

/** What somebody who opens it wants to see. */
function firstTab(bead: BeadWithMerge): string {
  if (bead.report !== null) return "report";
  if (bead.merge?.status === "testing" || bead.merge?.status === "base_red") return "gates";
  if (bead.branch === null || bead.status === "failed") return "attempts";
  return bead.status === "in_progress" ? "transcript" : "changes";
}

/** What its agent answered. */
function Report({ text }: { text: string }) {
  return (
    <section className="body" aria-label="Report">
      <pre>
        <Words text={text} />
      </pre>
    </section>
  );
}

function Actions({ bead }: { bead: BeadWithMerge }) {
  const [asking, setAsking] = useState<"rework" | "discard" | "cancel" | null>(null);
  const beadId = bead.id;
  const merge = bead.merge;
  const [refused, setRefused] = useState<unknown>(null);
  const run = (act: Act): void => {
    if (act.sure !== undefined) setAsking("cancel");
    else act.act().then(() => setRefused(null), setRefused).finally(refreshAll);
  };
  useKeys(Object.fromEntries(actsOf(bead, merge).map((act) => [act.key, () => run(act)])));
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
      {refused !== null && <Refusal error={refused} />}
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
            <strong>
              {attempt.number}. {attempt.outcome.replaceAll("_", " ")}
            </strong>
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
      {bead.status === "closed" && bead.closed_at && (
        <li className="end">
          <p>
            {bead.report === null ? "Landed" : "Reported"} <Ago at={bead.closed_at} /> {rig && bead.report === null && `on ${rig.default_branch}`}
          </p>
        </li>
      )}
    </ol>
  );
}
