// Generated from the server's registry of procedures by `make web-types`. Do not edit.
// Objects are snake_case, every field always there, null when empty; times are ISO 8601 UTC.
import type {
  TRPCBuiltRouter,
  TRPCDefaultErrorShape,
  TRPCMutationProcedure,
  TRPCQueryProcedure,
  TRPCSubscriptionProcedure,
} from "@trpc/server";
import type { TrackedData } from "@trpc/server/unstable-core-do-not-import";

/** Whatever JSON can say. */
export type Anything = string | number | boolean | object | null;

export interface AddUser {
  name: string;
  role: Role;
}

/** A polecat: the worker of one bead. */
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
  checkpoint: Anything;
  usage: Usage | null;
  attached_by: string | null;
  created_at: string;
}

/**
 * Words for an agent. `state` is failed if its bead was over before its session took them. `sender` null: a
 * person. `answers` is the id of the question.
 */
export interface AgentMessage {
  id: string;
  bead_id: string;
  sender: string | null;
  text: string;
  now: boolean;
  answers: string | null;
  state: "queued" | "delivered" | "failed";
  created_at: string;
  delivered_at: string | null;
}

export type AgentStatus = "working" | "idle" | "stalled" | "dead";

export interface AnswerAgent {
  /** An id, a unique beginning of one (4 characters or more), or a name. */
  agentId: string;
  answer: string;
}

export interface AttachAgent {
  /** An id, a unique beginning of one (4 characters or more), or a name. */
  agentId: string;
  /** The process that holds the terminal, on the machine of the town. */
  pid: number;
}

/** What to start in the terminal. `session` is for `detachAgent`; `name` is the polecat's. */
export interface AttachedAgent {
  path: string;
  argv: string[];
  env: Record<string, string>;
  session: string;
  name: string;
}

/** One end of a run or of a merge. `costs`: whether it used up one of the bead's attempts. */
export interface Attempt {
  number: number;
  run_id: string | null;
  outcome: string;
  costs: boolean;
  started_at: string | null;
  ended_at: string | null;
  exit_status: string | number | null;
  error: string | null;
}

/** A copy of the database. `why`: auto, manual, before a migration, or replaced by a restore. */
export interface Backup {
  name: string;
  path: string;
  why: "auto" | "manual" | "migration" | "replaced";
  bytes: number;
  created_at: string;
}

export interface Bead {
  id: string;
  bead_id: string;
  rig_id: string;
  parent_bead_id: string | null;
  type: BeadType;
  status: BeadStatus;
  title: string;
  body: string;
  priority: Priority;
  labels: string[];
  metadata: Anything;
  agent_kind: string | null;
  model: string | null;
  timeout: number | null;
  budget_usd: number | null;
  budget_tokens: number | null;
  branch: string | null;
  assignee: string | null;
  assignee_agent_bead_id: string | null;
  created_by: string;
  attempts: number;
  attempt_log: Attempt[];
  last_error: string | null;
  question: Question | null;
  usage: Usage | null;
  attached_by: string | null;
  queue_reason: QueueReason | null;
  queue_detail: string | null;
  queue_position: number | null;
  blocked_by: string[];
  not_before: string | null;
  created_at: string;
  updated_at: string;
  closed_at: string | null;
}

export interface BeadInput {
  /** An id, a unique beginning of one (4 characters or more), or a name. */
  beadId: string;
}

/** `nextCursor` is the `cursor` of the page that follows; null on the last. */
export interface BeadPage {
  items: Bead[];
  nextCursor: string | null;
}

export type BeadStatus = "open" | "in_progress" | "in_review" | "closed" | "failed" | "cancelled";

export type BeadType = "issue" | "escalation";

/** A bead with its latest merge, the report that it was closed with, and all messages for its agent. */
export interface BeadWithMerge {
  id: string;
  bead_id: string;
  rig_id: string;
  parent_bead_id: string | null;
  type: BeadType;
  status: BeadStatus;
  title: string;
  body: string;
  priority: Priority;
  labels: string[];
  metadata: Anything;
  agent_kind: string | null;
  model: string | null;
  timeout: number | null;
  budget_usd: number | null;
  budget_tokens: number | null;
  branch: string | null;
  assignee: string | null;
  assignee_agent_bead_id: string | null;
  created_by: string;
  attempts: number;
  attempt_log: Attempt[];
  last_error: string | null;
  question: Question | null;
  usage: Usage | null;
  attached_by: string | null;
  queue_reason: QueueReason | null;
  queue_detail: string | null;
  queue_position: number | null;
  blocked_by: string[];
  not_before: string | null;
  created_at: string;
  updated_at: string;
  closed_at: string | null;
  merge: Merge | null;
  report: string | null;
  messages: AgentMessage[];
}

/** Something that must never be: a defect of Boomtown. `rule` is what should hold, `detail` what was found last. */
export interface Breach {
  invariant: string;
  rule: string;
  detail: string;
  count: number;
  at: string;
}

/** What the home (`owner` empty) or a rig may spend: `budget` is usd, tokens, usd_per_day or tokens_per_day. */
export interface Budget {
  scope: "rig" | "home";
  owner: string;
  budget: string;
  limit: number;
  spent: number;
  words: string;
  renews_at: string | null;
}

/** What the gates said. `failed`: the first that was red; `tail`: its last lines; `seconds` it took. */
export interface Checked {
  green: boolean;
  failed: string | null;
  tail: string;
  seconds: number;
}

export interface CloseShell {
  session: string;
}

export interface ContainerStatus {
  pid: number | null;
  started_at: string | null;
  protocol: number | null;
  attached: boolean;
}

export interface CreateRig {
  name: string;
  gitUrl: string;
  townId?: string | null;
  defaultBranch?: string | null;
  maxPolecats?: number | null;
  agent?: string | null;
  gates?: string[] | null;
  merge?: MergeMode | null;
}

export interface CreateTown {
  name: string;
}

export interface DeleteRig {
  /** An id, a unique beginning of one (4 characters or more), or a name. */
  rigId: string;
  discard?: boolean;
}

export interface DetachAgent {
  session: string;
  then: "continue" | "hand-on" | "hold";
}

/** `theirs` is False if the session was not the person's any more. */
export interface Detached {
  theirs: boolean;
}

/** `text` is a unified diff against the merge base, `stat` its summary. */
export interface Diff {
  text: string;
  stat: string;
  base: string | null;
  tip: string | null;
}

/** `nextSince` is the `since` of the call that follows. */
export interface EventPage {
  items: LedgerEvent[];
  nextSince: number;
}

/** One line of a run's stream. `seq` grows by one within the run. `more`: the line goes on in the next frame. */
export interface Frame {
  agentId: string;
  runId: string;
  seq: number;
  at: string;
  kind: string;
  data: Anything;
  more?: boolean;
}

/** `text` begins at the byte `since` of the file at `path`, and ends before `nextSince`. */
export interface GateOutput {
  merge_id: string;
  gates: string[];
  steps: GateStep[];
  text: string;
  since: number;
  nextSince: number;
  path: string;
}

/** A command that has begun. `gate` counts the gates from 1, and is null for what prepares the tree for them. */
export interface GateStep {
  command: string;
  gate: number | null;
  began_at: string;
  ended_at: string | null;
  result: string | null;
}

export interface GetBeadEvents {
  rigId?: string | null;
  beadId?: string | null;
  since?: number | null;
  /** The last entries before this one, instead of those after `since`. */
  before?: number | null;
  limit?: number | null;
  waitS?: number | null;
}

export interface GetGateOutput {
  /** An id, a unique beginning of one (4 characters or more), or a name. */
  mergeId: string;
  since?: number | null;
}

export interface GetStream {
  runId?: string | null;
  agentId?: string | null;
  since?: number | null;
  limit?: number | null;
  waitS?: number | null;
}

/** Something that waits for a person, and what can be done about it. */
export interface InboxItem {
  kind: string;
  bead_id: string | null;
  merge_id: string | null;
  rig_id: string | null;
  title: string;
  text: string;
  action: string;
  since: string;
}

export type LandingStyle = "squash" | "merge";

export interface LastError {
  bead_id: string;
  title: string;
  error: string;
  at: string;
}

/** One entry of the ledger. `seq` grows over the whole home; `kind` is like `bead.created` or `run.ended`. */
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
  data: Record<string, Anything>;
  bead_title: string | null;
  agent_name: string | null;
}

export interface ListAgents {
  rigId?: string | null;
}

export interface ListBeads {
  /** An id, a unique beginning of one (4 characters or more), or a name. */
  rigId: string;
  status?: BeadStatus | null;
  type?: BeadType | null;
  limit?: number | null;
  cursor?: string | null;
  /** The newest first. */
  newest?: boolean;
  /** Sent by TanStack Query with every page; pages only go forward. */
  direction?: "forward" | "backward" | null;
}

export interface ListRigs {
  townId?: string | null;
}

export type Live = LiveEvent | LiveFrames;

export interface LiveEvent {
  type: "event";
  event: LedgerEvent;
}

/** Frames of one run, in their order. */
export interface LiveFrames {
  type: "frames";
  frames: Frame[];
}

/** `path` goes behind the server's URL. */
export interface LoginLink {
  path: string;
}

export interface MaybeRig {
  rigId?: string | null;
}

export interface Me {
  name: string;
  role: Role;
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

export interface MergeInput {
  /** An id, a unique beginning of one (4 characters or more), or a name. */
  mergeId: string;
}

/** When a finished branch lands. */
export type MergeMode = "review" | "direct" | "branch";

export type MergeStatus = "waiting" | "testing" | "landing" | "merged" | "failed" | "approval" | "remote_refused" | "base_red";

/** A sentence for people. */
export interface Message {
  message: string;
}

export interface OnEvents {
  /** The id of the last item received; a reconnecting client sends it by itself. */
  lastEventId?: string | null;
  townId?: string | null;
  rigId?: string | null;
}

export interface OnLive {
  /** The id of the last item received; a reconnecting client sends it by itself. */
  lastEventId?: string | null;
  rigId?: string | null;
  agentIds?: string[] | null;
  streams?: boolean;
}

export interface OnStreams {
  /** The id of the last item received; a reconnecting client sends it by itself. */
  lastEventId?: string | null;
  rigId?: string | null;
  agentIds?: string[] | null;
}

export interface Pause {
  rigId?: string | null;
  stop?: boolean;
}

export interface Paused {
  paused: boolean;
}

export type Priority = "low" | "medium" | "high" | "critical";

/** What a person is asked. `waits`: its agent stands still for the answer. */
export interface Question {
  id: string;
  text: string;
  options: string[];
  waits: boolean;
}

/** Why an open bead waits; the first that holds, in this order. */
export type QueueReason = "held" | "blocked" | "paused" | "auth" | "quota" | "budget" | "backoff" | "pressure" | "cap";

/** An agent that can't be used. `detail` says why and the cure; `not_before` null: when a person has logged in. */
export interface RefusedAgent {
  agent: string;
  why: "auth" | "quota";
  detail: string;
  not_before: string | null;
  since: string;
}

/** Oldest first; empty without a live run. */
export interface Resources {
  samples: Sample[];
}

export interface ReworkBead {
  /** An id, a unique beginning of one (4 characters or more), or a name. */
  beadId: string;
  comment: string;
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
  settings: Record<string, Anything>;
  created_at: string;
}

/** `notes`: sentences for the person who adds it, for instance on work that polecats won't see. */
export interface RigAdded {
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
  settings: Record<string, Anything>;
  created_at: string;
  notes: string[];
}

/** A rig with its agents and the beads in progress. */
export interface RigAtWork {
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
  settings: Record<string, Anything>;
  created_at: string;
  agents: Agent[];
  beads: Bead[];
}

export interface RigInput {
  /** An id, a unique beginning of one (4 characters or more), or a name. */
  rigId: string;
}

/** `usage_today`: of what lives, and of what ended since midnight on the server's clock. */
export interface RigStatus {
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
  settings: Record<string, Anything>;
  created_at: string;
  queue: number;
  waiting_for_a_slot: number;
  in_review: number;
  failed: number;
  merges: Merge[];
  usage: Usage | null;
  usage_today: Usage | null;
}

/** `viewer` reads; `operator` slings and steps in; `admin` changes rigs, settings and users. */
export type Role = "viewer" | "operator" | "admin";

export interface Sample {
  at: string;
  cpu_percent: number;
  memory_bytes: number;
}

export interface SendMessage {
  /** An id, a unique beginning of one (4 characters or more), or a name. */
  agentId: string;
  message: string;
  now?: boolean;
}

export interface ServerStatus {
  pid: number;
  url: string | null;
  version: string;
  memory_bytes: number;
}

export type SettingValue = string | number | boolean | string[] | null;

/** `session` is what `closeShell` takes. */
export interface Shell {
  path: string | null;
  env: Record<string, string>;
  session: string;
}

export interface Shutdown {
  now?: boolean;
  keepContainer?: boolean;
}

export interface SlingMany {
  /** An id, a unique beginning of one (4 characters or more), or a name. */
  rigId: string;
  tasks: TaskInput[];
  hold?: boolean;
  idempotencyKey?: string | null;
}

export interface SlingOne {
  title: string;
  body?: string | null;
  model?: string | null;
  agent?: string | null;
  priority?: Priority | null;
  timeoutS?: number | null;
  budgetUsd?: number | null;
  budgetTokens?: number | null;
  hold?: boolean | null;
  /** The agent's text is wanted, no commit; `metadata.report` of the bead. */
  report?: boolean | null;
  /** Indexes into the same list, or bead ids. */
  dependsOn?: (number | string)[] | null;
  /** An id, a unique beginning of one (4 characters or more), or a name. */
  rigId: string;
}

/** `agent` is null while the bead waits; `bead.queue_reason` says for what. */
export interface Slung {
  bead: Bead;
  agent: Agent | null;
}

export interface SlungMany {
  results: SlungTask[];
}

export interface SlungTask {
  bead: Bead;
  agent: Agent | null;
  state: "assigned" | "queued";
  queueReason: QueueReason | null;
  queuePosition: number | null;
}

export interface Status {
  home: string;
  last_seq: number;
  version: string;
  server: ServerStatus;
  container: ContainerStatus;
  sandbox: string;
  sandbox_note: string;
  breaches: Breach[];
  live: number;
  max_agents: number | null;
  agents: string[];
  default_agent: string | null;
  paused: boolean;
  breaker_open: boolean;
  refused_agents: RefusedAgent[];
  rigs: RigStatus[];
  budgets: Budget[];
  usage: Usage | null;
  usage_today: Usage | null;
  usage_by_agent: Record<string, Usage>;
  usage_by_town: Record<string, Usage>;
  last_errors: LastError[];
}

export interface StreamPage {
  runId: string;
  agentId: string;
  frames: Frame[];
  nextSince: number;
  ended: boolean;
}

export interface TaskInput {
  title: string;
  body?: string | null;
  model?: string | null;
  agent?: string | null;
  priority?: Priority | null;
  timeoutS?: number | null;
  budgetUsd?: number | null;
  budgetTokens?: number | null;
  hold?: boolean | null;
  /** The agent's text is wanted, no commit; `metadata.report` of the bead. */
  report?: boolean | null;
  /** Indexes into the same list, or bead ids. */
  dependsOn?: (number | string)[] | null;
}

export interface Town {
  id: string;
  name: string;
  created_at: string;
}

export interface TownInput {
  /** An id, a unique beginning of one (4 characters or more), or a name. */
  townId: string;
}

export interface TownWithRigs {
  id: string;
  name: string;
  created_at: string;
  rigs: Rig[];
}

/** `session` is for `closeTrial`. */
export interface Trial {
  path: string;
  env: Record<string, string>;
  setup: string[];
  run: string;
  session: string;
}

/** Agents that are tried again. */
export interface Tried {
  tried: string[];
}

export interface UpdateBead {
  /** An id, a unique beginning of one (4 characters or more), or a name. */
  beadId: string;
  title?: string;
  body?: string;
  priority?: Priority;
  agent?: string | null;
  model?: string | null;
  timeoutS?: number | null;
  budgetUsd?: number | null;
  budgetTokens?: number | null;
  dependsOn?: string[];
}

export interface UpdateRig {
  /** An id, a unique beginning of one (4 characters or more), or a name. */
  rigId: string;
  /** Setting → value; null: its default. */
  settings?: Record<string, SettingValue>;
  maxPolecats?: number | null;
  agent?: string | null;
  gates?: string[] | null;
  merge?: MergeMode | null;
}

/** `input_tokens` has the cached ones in it, `output_tokens` the reasoning. `cost_usd` null: the agent is silent. */
export interface Usage {
  input_tokens: number;
  cached_tokens: number;
  output_tokens: number;
  reasoning_tokens: number;
  cost_usd: number | null;
}

/** Somebody with a token of their own. `created_by` is an actor of the ledger. */
export interface User {
  id: string;
  name: string;
  role: Role;
  created_by: string;
  created_at: string;
}

/** `token` is shown this once. */
export interface UserAdded {
  id: string;
  name: string;
  role: Role;
  created_by: string;
  created_at: string;
  token: string;
}

export interface UserInput {
  name: string;
}

/** `env`: a value that may be secret is null. */
export interface Workspace {
  path: string | null;
  env: Record<string, string | null>;
  live: boolean;
}

export interface boomtown__api__procedures__registry__AgentInput {
  /** An id, a unique beginning of one (4 characters or more), or a name. */
  agentId: string;
}

export interface boomtown__api__procedures__town__AgentInput {
  agent: string;
}

export type Gastown = {
  /** Make a bead, or with `tasks` many of them, all or none. The same `idempotencyKey`: the first answer again. */
  sling: Mutation<SlingOne | SlingMany, Slung | SlungMany>;
  /** The beads of a rig in the order in which they were made. */
  listBeads: Query<ListBeads, BeadPage>;
  /** A bead with its attempts and its latest merge. */
  getBead: Query<BeadInput, BeadWithMerge>;
  /** Entries of the ledger after `since`, or the last ones before `before`; with `waitS` waits for the first. */
  getBeadEvents: Query<GetBeadEvents | void, EventPage>;
  /** Change what is given; the rest stays. */
  updateBead: Mutation<UpdateBead, Bead>;
  /** Let a held bead go, or one that waits for its back-off. */
  startBead: Mutation<BeadInput, Bead>;
  /** Give a bead up; its process is ended, its work kept. */
  cancelBead: Mutation<BeadInput, Bead>;
  /** Open a failed or cancelled bead again, with a new set of attempts. */
  retryBead: Mutation<BeadInput, Bead>;
  /** Close an escalation that was dealt with. */
  closeBead: Mutation<BeadInput, Bead>;
  /** Let a reviewed bead land. */
  approveBead: Mutation<BeadInput, Bead>;
  /** Send a bead back to its polecat with a comment; this costs no attempt. */
  reworkBead: Mutation<ReworkBead, Bead>;
  /** Give up a bead and its branch; the branch's tip stays in the clone. */
  discardBead: Mutation<BeadInput, Bead>;
  /** Events of the ledger from now on, or after `lastEventId`, which is the `seq` of an event. */
  onEvents: Subscription<OnEvents | void, LedgerEvent>;
  /** Frames of all runs, of one rig's, or of some agents'. Without an id: first the last 200 of each live run. */
  onStreams: Subscription<OnStreams | void, Frame>;
  /** The events of the whole home and, with `streams`, the frames of `onStreams`, in one connection. */
  onLive: Subscription<OnLive | void, Live>;
  /** All unfinished merges of a rig and the last finished ones. */
  getMergeQueue: Query<RigInput, Merge[]>;
  /** What the gates of a merge print, live: after the byte `since`, else the end of it. `nextSince` goes on. */
  getGateOutput: Query<GetGateOutput, GateOutput>;
  /** Try a merge again that waits for something outside. */
  retryMerge: Mutation<MergeInput, Merge>;
  /** A bead's changes against the merge base, uncommitted work included while it is live. */
  getDiff: Query<BeadInput, Diff>;
  /** All rigs, of one town or of the home. */
  listRigs: Query<ListRigs | void, Rig[]>;
  /** A rig with its agents and the beads in progress. */
  getRig: Query<RigInput, RigAtWork>;
  /** Clone a repository and put it under management; a failed try leaves nothing. */
  createRig: Mutation<CreateRig, RigAdded>;
  /**
   * Change settings of a rig, those of `createRig` also by their names there. A lower cap stops nothing that
   * runs.
   */
  updateRig: Mutation<UpdateRig, Rig>;
  /** Remove a rig; refused with unfinished beads or unmerged branches unless `discard`. */
  deleteRig: Mutation<DeleteRig, Record<string, Anything>>;
  /** Run the gates on the default branch. */
  checkRig: Mutation<RigInput, Checked>;
  /** Fast-forward the local checkout that a rig was made from. */
  pullRig: Mutation<RigInput, Message>;
  /** All towns of this home. */
  listTowns: Query<void, Town[]>;
  /** A town and its rigs. */
  getTown: Query<TownInput, TownWithRigs>;
  /** Add a town. */
  createTown: Mutation<CreateTown, Town>;
  /** Remove a town that has no rigs. */
  deleteTown: Mutation<TownInput, Record<string, Anything>>;
  /** Server and container, rigs with live and cap, queue, merges, the sandbox in force, last errors. */
  getStatus: Query<void, Status>;
  /** What waits for a person, oldest first. */
  getInbox: Query<void, InboxItem[]>;
  /** A path that logs a browser in, once, within ten minutes. */
  createLoginLink: Mutation<void, LoginLink>;
  /** Dispatch nothing more in one rig, or without `rigId` in the whole home. `stop` also ends what runs. */
  pause: Mutation<Pause | void, Paused>;
  /** Dispatch again; this also re-arms the breaker. */
  resume: Mutation<MaybeRig | void, Paused>;
  /** Start one run of an agent that waits for a login or for a limit's end; if it is answered, the rest follows. */
  tryAgent: Mutation<boomtown__api__procedures__town__AgentInput, Tried>;
  /** Copy the database now, beside the copies that are made every 15 minutes. */
  createBackup: Mutation<void, Backup>;
  /** The copies of the database that there are, newest first. */
  listBackups: Query<void, Backup[]>;
  /** End the server once this is answered. Agents are stopped and their work is kept, unless `keepContainer`. */
  shutdown: Mutation<Shutdown | void, Record<string, Anything>>;
  /** Who calls, and what they may do. */
  getMe: Query<void, Me>;
  /** The people who have a token of their own. */
  listUsers: Query<void, User[]>;
  /** Give somebody a token of their own. It is shown this once: only its digest is kept. */
  addUser: Mutation<AddUser, UserAdded>;
  /** Take somebody's token back; their sessions and live subscriptions end at once. */
  removeUser: Mutation<UserInput, Record<string, Anything>>;
  /** The registered polecats, of one rig or of the home. */
  listAgents: Query<ListAgents | void, Agent[]>;
  /** One polecat. */
  getAgent: Query<boomtown__api__procedures__registry__AgentInput, Agent>;
  /** End a polecat's run; its work is kept and its bead held. */
  stopAgent: Mutation<boomtown__api__procedures__registry__AgentInput, Agent>;
  /** Say something to an agent: when its turn ends, or `now` by cutting that short. Without a live run it waits. */
  sendMessage: Mutation<SendMessage, AgentMessage>;
  /** Answer what an agent asks; it goes on in the same session. */
  answerAgent: Mutation<AnswerAgent, AgentMessage>;
  /**
   * Frames after `since` of a run, or of the latest run of a polecat; with `waitS` it waits so long for the
   * first.
   */
  getStream: Query<GetStream | void, StreamPage>;
  /** Where a polecat works, and its environment; a value that may be secret is null. */
  getWorkspace: Query<boomtown__api__procedures__registry__AgentInput, Workspace>;
  /** CPU and memory of a polecat's live run over the last 20 minutes. */
  getResources: Query<boomtown__api__procedures__registry__AgentInput, Resources>;
  /** A worktree and environment for a person's shell; a bead without a run is held meanwhile. */
  openShell: Mutation<boomtown__api__procedures__registry__AgentInput, Shell>;
  /**
   * Give a live run's session to a person, in the agent's own interface; the town does not drive meanwhile.
   * `env` holds secrets of the run. When the process `pid` is gone, the town goes on.
   */
  attachAgent: Mutation<AttachAgent, AttachedAgent>;
  /** The person has left: the town continues, git decides as after `done`, or the bead is held. */
  detachAgent: Mutation<DetachAgent, Detached>;
  /** A scratch worktree with what a bead has come to, and the commands that set it up and run it. */
  openTrial: Mutation<BeadInput, Trial>;
  /** The person is done trying: the scratch worktree goes. */
  closeTrial: Mutation<CloseShell, Record<string, Anything>>;
  /** The person has left the shell. */
  closeShell: Mutation<CloseShell, Record<string, Anything>>;
};

type Query<I, O> = TRPCQueryProcedure<{ input: I; output: O; meta: unknown }>;
type Mutation<I, O> = TRPCMutationProcedure<{ input: I; output: O; meta: unknown }>;
type Subscription<I, O> = TRPCSubscriptionProcedure<{
  input: I;
  output: AsyncIterable<TrackedData<O>, void, unknown>;
  meta: unknown;
}>;

export type AppRouter = TRPCBuiltRouter<
  { ctx: object; meta: object; errorShape: TRPCDefaultErrorShape; transformer: false },
  { gastown: Gastown }
>;
