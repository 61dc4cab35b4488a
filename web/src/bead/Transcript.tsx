import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";

import { agentQuery } from "../api/queries";
import type { BeadWithMerge } from "../api/router";
import { useStreams } from "../live/connection";
import { StreamView } from "../stream/StreamView";

interface Run {
  id: string;
  words: string;
  live: boolean;
}

/** What was printed, run by run. */
export function Transcript({ bead }: { bead: BeadWithMerge }) {
  const agentId = bead.assignee_agent_bead_id;
  const { data: agent } = useQuery({ ...agentQuery(agentId ?? ""), enabled: agentId !== null });
  const runs = useMemo((): Run[] => {
    const past = new Map<string, Run>();
    for (const attempt of bead.attempt_log) {
      if (attempt.run_id) past.set(attempt.run_id, { id: attempt.run_id, words: `Attempt ${attempt.number}: ${attempt.outcome.replaceAll("_", " ")}`, live: false });
    }
    if (agent?.run_id && !past.has(agent.run_id)) {
      past.set(agent.run_id, { id: agent.run_id, words: agent.run === null ? "The last run" : `${agent.name}, now`, live: agent.run !== null });
    }
    return [...past.values()];
  }, [bead.attempt_log, agent]);
  const [chosen, setChosen] = useState<string | null>(null);
  useStreams({ agentIds: agentId === null ? [] : [agentId] });
  const run = runs.find((one) => one.id === chosen) ?? runs.at(-1);
  if (!run) return <p className="quiet">No run of it was recorded. Streams are kept for 30 days.</p>;
  return (
    <div className="transcript">
      {runs.length > 1 && (
        <label className="which">
          Run
          <select value={run.id} onChange={(event) => setChosen(event.target.value)}>
            {runs.map((one) => (
              <option key={one.id} value={one.id}>
                {one.words}
              </option>
            ))}
          </select>
        </label>
      )}
      <StreamView key={run.id} runId={run.id} label={`Transcript: ${run.words}`} times whole={!run.live} tools />
    </div>
  );
}
