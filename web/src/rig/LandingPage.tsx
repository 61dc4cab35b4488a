import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { useTitle } from "../app/attention";
import { api } from "../api/client";
import { beadQuery, mergesQuery } from "../api/queries";
import type { Merge } from "../api/router";
import { Do } from "../ui/asking";
import { Ago, Dot, Empty, Since, type Tone } from "../ui/parts";
import { Title, Words } from "../ui/Words";
import { mergeSentence, short } from "../words/sentences";
import { useRig } from "./RigFrame";

const TONES: Record<Merge["status"], Tone> = {
  waiting: "off",
  testing: "run",
  landing: "run",
  merged: "ok",
  failed: "bad",
  approval: "need",
  remote_refused: "bad",
  base_red: "bad",
};

/** The merge queue: what lands now, what waits behind it, what failed and why. */
export function LandingPage() {
  const rig = useRig();
  const { data } = useQuery(mergesQuery(rig.id));
  useTitle(`Landing · ${rig.name}`);
  if (!data) return null;
  if (data.length === 0) {
    return (
      <Empty title="Nothing has come to land yet">
        <p>When a polecat is done, its branch comes here: merged with the newest {rig.default_branch}, tested by your gates, landed one at a time.</p>
        {rig.gates.length === 0 && (
          <p>
            This rig has no gates. <Link to="/rigs/$rig/settings" params={{ rig: rig.name }}>Add the commands that must pass</Link>.
          </p>
        )}
      </Empty>
    );
  }
  const over = (merge: Merge): boolean => merge.status === "merged" || merge.status === "failed";
  return (
    <div className="page">
      <h1>Landing on {rig.default_branch}</h1>
      <MergeList title="On its way" merges={data.filter((merge) => !over(merge))} gates={rig.gates} />
      <MergeList title="Over" merges={data.filter(over)} gates={[]} />
    </div>
  );
}

function MergeList({ title, merges, gates }: { title: string; merges: Merge[]; gates: string[] }) {
  return (
    <section className="list" aria-label={title}>
      <h2>
        {title} <span className="n">{merges.length}</span>
      </h2>
      {merges.length === 0 && <p className="quiet">None</p>}
      {merges.map((merge) => (
        <MergeRow key={merge.id} merge={merge} gates={gates} />
      ))}
    </section>
  );
}

function MergeRow({ merge, gates }: { merge: Merge; gates: string[] }) {
  const { data: bead } = useQuery(beadQuery(merge.bead_id));
  const waits = merge.status === "remote_refused" || merge.status === "base_red";
  return (
    <div className="row merge">
      <Dot tone={TONES[merge.status]} />
      <div>
        <Link to="/beads/$bead" params={{ bead: merge.bead_id }}>
          <Title text={bead?.title ?? short(merge.bead_id)} />
        </Link>
        <p className={`why${merge.status === "approval" ? " need" : ""}${merge.status === "failed" || waits ? " bad" : ""}`}>
          <Words text={mergeSentence(merge)} />
          {merge.status === "testing" && (
            <>
              {gates.length > 0 && `: ${gates.join(", ")}`} · <Since at={merge.updated_at} />
            </>
          )}
        </p>
        <p className="meta">{merge.branch}</p>
        {merge.error && merge.error.includes("\n") && (
          <details>
            <summary>All it said</summary>
            <pre>
              <Words text={merge.error} />
            </pre>
          </details>
        )}
      </div>
      <span className="when">
        <Ago at={merge.updated_at} />
      </span>
      <span className="actions">
        {merge.status === "approval" && (
          <Link className="button" to="/beads/$bead" params={{ bead: merge.bead_id }}>
            Review
          </Link>
        )}
        {waits && <Do act={() => api.retryMerge.mutate({ mergeId: merge.id })}>Try again</Do>}
      </span>
    </div>
  );
}
