import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState, type KeyboardEvent } from "react";

import { useTitle } from "../app/attention";
import { openSling } from "../app/overlays";
import { api } from "../api/client";
import { beadsQuery } from "../api/queries";
import type { Bead, BeadStatus, Merge } from "../api/router";
import { useNow } from "../live/clock";
import { refreshAll } from "../live/freshness";
import { Do, Refusal } from "../ui/asking";
import { Ago, Empty } from "../ui/parts";
import { Title, Words } from "../ui/Words";
import { beadSentence } from "../words/sentences";
import { PRIORITIES } from "../words/settings";
import { byPlace } from "./Aside";
import { useRig } from "./RigFrame";

interface Columns {
  waiting: Bead[];
  working: Bead[];
  review: Bead[];
  landed: Bead[];
  failed: Bead[];
}

/** All beads of a rig by where they stand; each says why it is there and what comes next. */
export function BoardPage() {
  const rig = useRig();
  useTitle(`Board · ${rig.name}`);
  const open = useColumn(rig.id, "open");
  const working = useColumn(rig.id, "in_progress");
  const review = useColumn(rig.id, "in_review");
  const closed = useColumn(rig.id, "closed");
  const failed = useColumn(rig.id, "failed");
  const cancelled = useColumn(rig.id, "cancelled");
  const merges = new Map(rig.merges.map((merge) => [merge.bead_id, merge]));
  const columns: Columns = {
    waiting: open.beads.sort(byPlace),
    working: working.beads,
    review: review.beads,
    landed: closed.beads,
    failed: [...failed.beads, ...cancelled.beads],
  };
  if (open.known && closed.known && failed.known && cancelled.known && Object.values(columns).every((column: Bead[]) => column.length === 0) && rig.live === 0) {
    return (
      <Empty title="No beads yet">
        <p>A bead is one piece of work: a title, and what an agent should know. Paste a whole list if you like.</p>
        <p>
          <button type="button" className="strong" onClick={() => openSling(rig.id)}>
            Sling beads
          </button>{" "}
          <kbd>n</kbd>
        </p>
      </Empty>
    );
  }
  return (
    <div className="board">
      <h1 className="sr">Board of {rig.name}</h1>
      <Column title="Waiting" beads={columns.waiting} merges={merges} more={open.more} />
      <Column title="Working" beads={columns.working} merges={merges} more={working.more} />
      <Column title="Review and landing" beads={columns.review} merges={merges} more={review.more} />
      <Column title="Landed" beads={columns.landed} merges={merges} more={closed.more} />
      <Column title="Gave up" beads={columns.failed} merges={merges} more={failed.more} bad />
    </div>
  );
}

interface OneColumn {
  beads: Bead[];
  known: boolean;
  more: (() => void) | null;
}

function useColumn(rigId: string, status: BeadStatus): OneColumn {
  const { data, hasNextPage, fetchNextPage } = useInfiniteQuery(beadsQuery(rigId, status));
  return {
    beads: data?.pages.flatMap((page) => page.items) ?? [],
    known: data !== undefined,
    more: hasNextPage ? () => void fetchNextPage() : null,
  };
}

const AT_FIRST = 60;

function Column({ title, beads, merges, more, bad = false }: { title: string; beads: Bead[]; merges: Map<string, Merge>; more: (() => void) | null; bad?: boolean }) {
  const [shown, setShown] = useState(AT_FIRST);
  const hidden = beads.length - shown;
  return (
    <section className="column" aria-label={title}>
      <h2>
        {title} <span className="n">{more ? `${beads.length}+` : beads.length}</span>
      </h2>
      <div className="cards-of">
        {beads.slice(0, shown).map((bead) => (
          <Card key={bead.id} bead={bead} merge={merges.get(bead.id) ?? null} bad={bad} />
        ))}
        {beads.length === 0 && <p className="quiet">None</p>}
        {(hidden > 0 || more) && (
          <button
            type="button"
            className="plain"
            onClick={() => {
              setShown(shown + 200);
              if (hidden <= 200) more?.();
            }}
          >
            Show more
          </button>
        )}
      </div>
    </section>
  );
}

function Card({ bead, merge, bad }: { bead: Bead; merge: Merge | null; bad: boolean }) {
  const now = useNow();
  const navigate = useNavigate();
  const acts = actionsOf(bead, merge);
  const [refused, setRefused] = useState<unknown>(null);
  const pressed = (event: KeyboardEvent): void => {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter") void navigate({ to: "/beads/$bead", params: { bead: bead.id } });
    const act = acts.find((one) => one.key === event.key)?.act ?? (bead.status === "open" ? reprioritised(bead, event.key) : null);
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act().then(() => setRefused(null), setRefused).finally(refreshAll);
  };
  const need = merge?.status === "approval" || bead.queue_reason === "held" || bead.type === "escalation";
  return (
    <article className="bead" aria-label={bead.title} tabIndex={0} onKeyDown={pressed}>
      <h3>
        <Link to="/beads/$bead" params={{ bead: bead.id }} tabIndex={-1}>
          <Title text={bead.title} />
        </Link>
      </h3>
      <p className={`why${bad && bead.status === "failed" ? " bad" : ""}${need ? " need" : ""}`}>
        {bead.status === "closed" ? <>Landed{bead.closed_at && <> <Ago at={bead.closed_at} /></>}</> : <Words text={beadSentence(bead, merge, now)} />}
      </p>
      {merge?.error && merge.status !== "approval" && (
        <p className="why bad">
          <Words text={merge.error.split("\n")[0] ?? ""} />
        </p>
      )}
      <footer>
        {bead.priority !== "medium" && <span className="word">{bead.priority}</span>}
        {bead.agent_kind && <span>{bead.agent_kind}</span>}
        <span className="space" />
        {acts.map(({ name, act }) => (
          <Do key={name} className="plain" label={`${name} ${bead.title}`} act={act}>
            {name}
          </Do>
        ))}
      </footer>
      {refused !== null && <Refusal error={refused} />}
    </article>
  );
}

interface Act {
  name: string;
  key: string;
  act: () => Promise<unknown>;
}

/** What a person can do with a bead where it stands, and the key for it. */
function actionsOf(bead: Bead, merge: Merge | null): Act[] {
  const beadId = bead.id;
  if (bead.type === "escalation") return bead.status === "open" ? [{ name: "dealt with", key: "a", act: () => api.closeBead.mutate({ beadId }) }] : [];
  switch (bead.status) {
    case "open": {
      const start: Act = { name: "start", key: "a", act: () => api.startBead.mutate({ beadId }) };
      const cancel: Act = { name: "cancel", key: "x", act: () => api.cancelBead.mutate({ beadId }) };
      return bead.queue_reason === "held" || bead.queue_reason === "backoff" ? [start, cancel] : [cancel];
    }
    case "in_review":
      if (merge?.status === "approval") return [{ name: "approve", key: "a", act: () => api.approveBead.mutate({ beadId }) }];
      if (merge?.status === "remote_refused" || merge?.status === "base_red") return [{ name: "try again", key: "r", act: () => api.retryMerge.mutate({ mergeId: merge.id }) }];
      return [];
    case "failed":
    case "cancelled":
      return [{ name: "retry", key: "r", act: () => api.retryBead.mutate({ beadId }) }];
    default:
      return [];
  }
}

/** `+` and `-` change a waiting bead's priority. */
function reprioritised(bead: Bead, key: string): (() => Promise<unknown>) | null {
  const step = key === "+" ? -1 : key === "-" ? 1 : 0;
  const priority = PRIORITIES[PRIORITIES.indexOf(bead.priority) + step];
  return step === 0 || priority === undefined ? null : () => api.updateBead.mutate({ beadId: bead.id, priority });
}

