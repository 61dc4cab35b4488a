import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";

import { agentQuery, beadQuery, meQuery, statusQuery } from "../api/queries";
import type { RigStatus, Status } from "../api/router";

/** The state of the whole home; there is one before any page is shown. */
export function useStatus(): Status {
  const { data } = useQuery(statusQuery);
  if (!data) throw new Error("a page was shown before the status was known");
  return data;
}

/** Whether whoever is logged in only reads. */
export function useReadsOnly(): boolean {
  return useQuery(meQuery).data?.role === "viewer";
}

/** The rig of the page that is shown: by its name in the address, or that of its bead or polecat. */
export function useRigHere(): RigStatus | null {
  const status = useStatus();
  const params = useParams({ strict: false });
  const bead = useQuery({ ...beadQuery(params.bead ?? ""), enabled: params.bead !== undefined });
  const agent = useQuery({ ...agentQuery(params.agent ?? ""), enabled: params.agent !== undefined });
  const id = bead.data?.rig_id ?? agent.data?.rig_id;
  return status.rigs.find((rig) => rig.id === id || (params.rig !== undefined && rig.name.toLowerCase() === params.rig.toLowerCase())) ?? null;
}
