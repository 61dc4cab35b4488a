import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";

import { api, isNotFound, isUnauthorized } from "./client";
import type { BeadStatus } from "./router";

/** Seconds-old figures (CPU, memory, heartbeat) are in no event; the container reports every five seconds. */
const REPORTS_EVERY_MS = 5000;
const BEADS_A_PAGE = 500;
export const EVENTS_A_PAGE = 200;
const LAST_SEQ = Number.MAX_SAFE_INTEGER;

export function worthRetrying(failures: number, error: unknown): boolean {
  return failures < 2 && !isUnauthorized(error) && !isNotFound(error);
}

export const statusQuery = queryOptions({ queryKey: ["status"], queryFn: () => api.getStatus.query() });

/** Who is logged in; this changes only with the login. */
export const meQuery = queryOptions({ queryKey: ["me"], queryFn: () => api.getMe.query(), staleTime: 60_000 });

export const inboxQuery = queryOptions({ queryKey: ["inbox"], queryFn: () => api.getInbox.query() });

/** A rig with its agents and the beads at work. */
export const rigQuery = (rigId: string) =>
  queryOptions({
    queryKey: ["rig", rigId],
    queryFn: () => api.getRig.query({ rigId }),
    refetchInterval: REPORTS_EVERY_MS,
  });

export const beadsQuery = (rigId: string, status: BeadStatus) =>
  infiniteQueryOptions({
    queryKey: ["beads", rigId, status],
    queryFn: ({ pageParam }) =>
      api.listBeads.query({
        rigId,
        status,
        limit: BEADS_A_PAGE,
        ...(pageParam ? { cursor: pageParam } : {}),
        ...(NEWEST_FIRST.has(status) ? { newest: true } : {}),
      }),
    initialPageParam: "",
    getNextPageParam: (page) => page.nextCursor,
  });

const NEWEST_FIRST = new Set<BeadStatus>(["closed", "failed", "cancelled"]);

export const beadQuery = (beadId: string) =>
  queryOptions({ queryKey: ["bead", beadId], queryFn: () => api.getBead.query({ beadId }) });

export const diffQuery = (beadId: string) =>
  queryOptions({ queryKey: ["diff", beadId], queryFn: () => api.getDiff.query({ beadId }) });

export const mergesQuery = (rigId: string) =>
  queryOptions({ queryKey: ["merges", rigId], queryFn: () => api.getMergeQueue.query({ rigId }) });

export const agentQuery = (agentId: string) =>
  queryOptions({
    queryKey: ["agent", agentId],
    queryFn: () => api.getAgent.query({ agentId }),
    refetchInterval: REPORTS_EVERY_MS,
  });

export const workspaceQuery = (agentId: string, runId: string | null) =>
  queryOptions({
    queryKey: ["workspace", agentId, runId],
    queryFn: () => api.getWorkspace.query({ agentId }),
    retry: false,
  });

export const resourcesQuery = (agentId: string) =>
  queryOptions({
    queryKey: ["resources", agentId],
    queryFn: () => api.getResources.query({ agentId }),
    refetchInterval: REPORTS_EVERY_MS,
  });

/** The ledger, newest page first; each further page is older. */
export const eventsQuery = (scope: { rigId?: string; beadId?: string }) =>
  infiniteQueryOptions({
    queryKey: ["events", scope.rigId ?? null, scope.beadId ?? null],
    queryFn: ({ pageParam }) => api.getBeadEvents.query({ ...scope, before: pageParam, limit: EVENTS_A_PAGE }),
    initialPageParam: LAST_SEQ,
    getNextPageParam: (page) => {
      const oldest = page.items[0];
      return page.items.length < EVENTS_A_PAGE || !oldest ? null : oldest.seq;
    },
  });
