import { useQuery } from "@tanstack/react-query";

import { workspaceQuery } from "../api/queries";
import type { Agent } from "../api/router";

/** The variables that the agent was given. What could be a secret is named, and not shown. */
export function Environment({ agent }: { agent: Agent }) {
  const { data } = useQuery(workspaceQuery(agent.id, agent.run_id));
  const variables = Object.entries(data?.env ?? {});
  if (variables.length === 0) return <p className="quiet">It is known while a run is live.</p>;
  return (
    <dl className="environment" aria-label="Environment">
      {variables.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value ?? <span className="quiet">hidden</span>}</dd>
        </div>
      ))}
    </dl>
  );
}
