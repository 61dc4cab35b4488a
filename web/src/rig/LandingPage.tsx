import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { useTitle } from "../app/attention";
import { api } from "../api/client";
import { beadQuery, mergesQuery } from "../api/queries";
import type { Merge } from "../api/router";
import { GateOutput } from "../merge/GateOutput";
import { MergeWords } from "../merge/MergeWords";
import { Do } from "../ui/asking";
import { Ago, Dot, Empty, type Tone } from "../ui/parts";
import { Title, Words } from "../ui/Words";
import { ordinal } from "../words/time";
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
  const at = (...statuses: Merge["status"][]): Merge[] => data.filter((merge) => statuses.includes(merge.status));
  const waiting = at("waiting").sort((a, b) => a.created_at.localeCompare(b.created_at));
  return (
    <div className="page">
      <h1>Landing on {rig.default_branch}</h1>
      <MergeList title="Now" merges={at("testing", "landing")} always />
      <MergeList title="Behind it" merges={waiting} inLine />
      <MergeList title="Waits for you" merges={at("approval", "remote_refused", "base_red")} />
      <MergeList title="Over" merges={at("merged", "failed")} />
    </div>
  );
}

function MergeList({ title, merges, always = false, inLine = false }: { title: string; merges: Merge[]; always?: boolean; inLine?: boolean }) {
  if (merges.length === 0 && !always) return null;
  return (
    <section className="list" aria-label={title}>
      <h2>
        {title} <span className="n">{merges.length || ""}</span>
      </h2>
      {merges.length === 0 && <p className="quiet">Nothing lands at this moment.</p>}
      {merges.map((merge, place) => (
        <MergeRow key={merge.id} merge={merge} place={inLine ? place + 1 : null} />
      ))}
    </section>
  );
}

function MergeRow({ merge, place }: { merge: Merge; place: number | null }) {
  const { data: bead } = useQuery(beadQuery(merge.bead_id));
  const waits = merge.status === "remote_refused" || merge.status === "base_red";
  const testing = merge.status === "testing";
  const title = bead?.title ?? "…";
  return (
    <div className="row merge">
      <Dot tone={TONES[merge.status]} />
      <div>
        <Link to="/beads/$bead" params={{ bead: merge.bead_id }}>
          <Title text={title} />
        </Link>
        <p className={`why${merge.status === "approval" ? " need" : ""}${merge.status === "failed" || waits ? " bad" : ""}`}>
          {place === null ? <MergeWords merge={merge} /> : `${ordinal(place)} in line to land`}
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
        {testing ? <GateOutput merge={merge} name={title} /> : (merge.status === "failed" || merge.status === "base_red" || merge.status === "merged") && <OldOutput merge={merge} name={title} />}
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

/** The output of gates that are over; read when it is asked for. */
function OldOutput({ merge, name }: { merge: Merge; name: string }) {
  const [open, setOpen] = useState(false);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>What its gates said</summary>
      {open && <GateOutput merge={merge} name={name} />}
    </details>
  );
}
