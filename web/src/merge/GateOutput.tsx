import type { Merge } from "../api/router";
import { StreamView } from "../stream/StreamView";
import { useGates } from "./gates";

/** What a merge's gates print, live while they run. */
export function GateOutput({ merge, name }: { merge: Merge; name: string }) {
  const gates = useGates(merge);
  if (!gates) return null;
  if (gates.steps.length === 0) return <p className="quiet">{merge.status === "testing" ? "The first gate is about to start." : "No gate has run on it."}</p>;
  return (
    <div className="gate-output">
      <StreamView key={gates.stream} runId={gates.stream} label={`Gates of ${name}`} />
      <p className="meta">{gates.path}</p>
    </div>
  );
}
