// What the server's procedures take and answer, for the official tRPC client. Objects are snake_case, as CONTRACT.md has
// them: every field always there, null when empty; times are ISO 8601 UTC.
import type {
  TRPCBuiltRouter,
  TRPCDefaultErrorShape,
  TRPCMutationProcedure,
  TRPCQueryProcedure,
  TRPCSubscriptionProcedure,
} from "@trpc/server";
import type { TrackedData } from "@trpc/server/unstable-core-do-not-import";

export type Priority = "low" | "medium" | "high" | "critical";
export type BeadStatus = "open" | "in_progress" | "in_review" | "closed" | "failed" | "cancelled";
export type QueueReason =
  | "held"
  | "blocked"
  | "paused"
  | "auth"
  | "quota"
  | "budget"
  | "backoff"
  | "pressure"
  | "cap";
export type MergeStatus =
  | "waiting"
  | "testing"
  | "landing"
  | "merged"
  | "failed"
  | "approval"
  | "remote_refused"
  | "base_red";
export type MergeMode = "review" | "direct" | "branch";
export type LandingStyle = "squash" | "merge";
export type AgentStatus = "working" | "idle" | "stalled" | "dead";

export interface Town {
  id: string;
  name: string;
  created_at: string;
}

export interface Attempt {
  number: number;
  run_id: string | null;
  outcome: string;
  costs: boolean;
  started_at: string | null;
  ended_at: string | null;
  exit_status: number | string | null;
  error: string | null;
}

export interface Bead {
  id: string;
  bead_id: string;
  rig_id: string;
  parent_bead_id: string | null;
  type: "issue" | "escalation";
  status: BeadStatus;
  title: string;
  body: string;
  priority: Priority;
  labels: string[];
  metadata: unknown;
  agent_kind: string | null;
  model: string | null;
  timeout: number | null;
  branch: string | null;
  assignee: string | null;
  assignee_agent_bead_id: string | null;
  created_by: string;
  attempts: number;
  attempt_log: Attempt[];
  last_error: string | null;
  queue_reason: QueueReason | null;
  queue_detail: string | null;
  queue_position: number | null;
  blocked_by: string[];
  not_before: string | null;
  created_at: string;
  updated_at: string;
  closed_at: string | null;
}

export interface Merge {
  id: string;
  bead_id: string;
  branch: string;
  status: MergeStatus;
  merge_commit: string | null;
  error: string | null;
  pr_url: string | null;
  created_at: string;
  updated_at: string;
}

export interface BeadWithMerge extends Bead {
  merge: Merge | null;
}

export interface Agent {
  id: string;
  rig_id: string;
  role: string;
  name: string;
  identity: string;
  status: AgentStatus;
  bead_id: string | null;
  current_hook_bead_id: string | null;
  run: number | null;
  run_id: string | null;
  branch: string | null;
  worktree: string | null;
  pid: number | null;
  agent_kind: string | null;
  dispatch_attempts: number;
  started_at: string | null;
  last_event_at: string | null;
  last_activity_at: string | null;
  heartbeat_at: string | null;
  cpu_percent: number | null;
  memory_bytes: number | null;
  checkpoint: unknown;
  created_at: string;
}

export interface Rig {
  id: string;
  town_id: string;
  name: string;
  git_url: string;
  default_branch: string;
  max_polecats: number;
  live: number;
  agent: string | null;
  merge: MergeMode;
  landing: LandingStyle;
  gates: string[];
  status: "active" | "paused";
  settings: Record<string, unknown>;
  created_at: string;
}

export interface RigStatus extends Rig {
  queue: number;
  waiting_for_a_slot: number;
  in_review: number;
  failed: number;
  merges: Merge[];
}

export interface Status {
  home: string;
  version: string;
  server: { pid: number; url: string | null; version: string; memory_bytes: number };
  container: { pid: number | null; started_at: string | null; protocol: number | null; attached: boolean };
  sandbox: string;
  sandbox_note: string;
  live: number;
  max_agents: number | null;
  paused: boolean;
  breaker_open: boolean;
  rigs: RigStatus[];
  last_errors: { bead_id: string; title: string; error: string; at: string }[];
}

export interface InboxItem {
  kind: string;
  bead_id: string | null;
  rig_id: string | null;
  title: string;
  text: string;
  action: string;
  since: string;
}

export interface LedgerEvent {
  seq: number;
  id: string;
  at: string;
  town_id: string | null;
  rig_id: string | null;
  bead_id: string | null;
  agent_id: string | null;
  run_id: string | null;
  kind: string;
  actor: string;
  data: Record<string, unknown>;
}

export interface Frame {
  agentId: string;
  runId: string;
  seq: number;
  at: string;
  kind: string;
  data: unknown;
  more?: boolean;
}

export interface StreamPage {
  runId: string;
  agentId: string;
  frames: Frame[];
  nextSince: number;
  ended: boolean;
}

export interface SlungTask {
  bead: Bead;
  agent: Agent | null;
  state: "assigned" | "queued";
  queueReason: QueueReason | null;
  queuePosition: number | null;
}

export interface Diff {
  text: string;
  stat: string;
  base: string | null;
  tip: string | null;
}

export interface TaskInput {
  title: string;
  body?: string;
  priority?: Priority;
  agent?: string;
  model?: string;
  timeoutS?: number;
  hold?: boolean;
  dependsOn?: (number | string)[];
}

export type SettingValue = string | number | boolean | string[] | null;

type Query<I, O> = TRPCQueryProcedure<{ input: I; output: O; meta: unknown }>;
type Mutation<I, O> = TRPCMutationProcedure<{ input: I; output: O; meta: unknown }>;
type Subscription<I, O> = TRPCSubscriptionProcedure<{
  input: I;
  output: AsyncIterable<TrackedData<O>, void, unknown>;
  meta: unknown;
}>;

interface Gastown {
  listTowns: Query<void, Town[]>;
  getStatus: Query<void, Status>;
  getInbox: Query<void, InboxItem[]>;
  getRig: Query<{ rigId: string }, Rig & { agents: Agent[]; beads: Bead[] }>;
  listBeads: Query<
    { rigId: string; status?: string; type?: string; limit?: number; cursor?: string; newest?: boolean },
    { items: Bead[]; nextCursor: string | null }
  >;
  getBead: Query<{ beadId: string }, BeadWithMerge>;
  getBeadEvents: Query<
    { rigId?: string; beadId?: string; since?: number; before?: number; limit?: number },
    { items: LedgerEvent[]; nextSince: number }
  >;
  getAgent: Query<{ agentId: string }, Agent>;
  getWorkspace: Query<{ agentId: string }, { path: string | null; env: Record<string, string>; live: boolean }>;
  getMergeQueue: Query<{ rigId: string }, Merge[]>;
  getDiff: Query<{ beadId: string }, Diff>;
  getStream: Query<
    { runId?: string; agentId?: string; since?: number; limit?: number; waitS?: number },
    StreamPage
  >;
  createRig: Mutation<
    {
      name: string;
      gitUrl: string;
      defaultBranch?: string;
      maxPolecats?: number;
      agent?: string;
      gates?: string[];
      merge?: MergeMode;
    },
    Rig & { notes: string[] }
  >;
  updateRig: Mutation<{ rigId: string; settings: Record<string, SettingValue> }, Rig>;
  deleteRig: Mutation<{ rigId: string; discard?: boolean }, Record<string, never>>;
  checkRig: Mutation<{ rigId: string }, { green: boolean; failed: string | null; tail: string; seconds: number }>;
  pullRig: Mutation<{ rigId: string }, { message: string }>;
  sling: Mutation<{ rigId: string; tasks: TaskInput[]; idempotencyKey?: string }, { results: SlungTask[] }>;
  updateBead: Mutation<
    { beadId: string; title?: string; body?: string; priority?: Priority; agent?: string; model?: string | null },
    Bead
  >;
  cancelBead: Mutation<{ beadId: string }, Bead>;
  retryBead: Mutation<{ beadId: string }, Bead>;
  startBead: Mutation<{ beadId: string }, Bead>;
  closeBead: Mutation<{ beadId: string }, Bead>;
  approveBead: Mutation<{ beadId: string }, Bead>;
  reworkBead: Mutation<{ beadId: string; comment: string }, Bead>;
  discardBead: Mutation<{ beadId: string }, Bead>;
  retryMerge: Mutation<{ mergeId: string }, Merge>;
  stopAgent: Mutation<{ agentId: string }, Agent>;
  sendMessage: Mutation<{ agentId: string; message: string; now?: boolean }, unknown>;
  pause: Mutation<{ rigId?: string; stop?: boolean }, { paused: boolean }>;
  resume: Mutation<{ rigId?: string }, { paused: boolean }>;
  onEvents: Subscription<{ townId?: string; rigId?: string; lastEventId?: string }, LedgerEvent>;
  onStreams: Subscription<{ rigId?: string; agentIds?: string[]; lastEventId?: string }, Frame>;
}

export type AppRouter = TRPCBuiltRouter<
  { ctx: object; meta: object; errorShape: TRPCDefaultErrorShape; transformer: false },
  { gastown: Gastown }
>;
