import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { api } from "../api/client";
import { beadsQuery, inboxQuery } from "../api/queries";
import type { Bead, RigStatus } from "../api/router";
import { useNow } from "../live/clock";
import { MergeWords } from "../merge/MergeWords";
import { Do } from "../ui/asking";
import { Title, Words } from "../ui/Words";
import { beadSentence } from "../words/sentences";

const SHOWN = 12;

/** Beside the wall: what needs a person, what waits and why, what lands, what gave up. */
export function Aside({ rig }: { rig: RigStatus }) {
  const inbox = useQuery(inboxQuery);
  const waiting = useBeads(rig.id, "open");
  const failed = useBeads(rig.id, "failed");
  const review = useBeads(rig.id, "in_review");
  const now = useNow();
  const titles = new Map([...waiting, ...failed, ...review].map((bead) => [bead.id, bead.title]));
  const needs = (inbox.data ?? []).filter((item) => item.rig_id === rig.id && item.kind !== "failed");
  const queue = waiting.filter((bead) => bead.type === "issue" && bead.queue_reason !== "held").sort(byPlace);
  const merges = rig.merges.filter((merge) => merge.status !== "approval");
  if (needs.length + queue.length + merges.length + failed.length === 0) return <aside className="beside" aria-label="Around the wall" hidden />;
  return (
    <aside className="beside" aria-label="Around the wall">
      <Group title="Needs you" items={needs} more="/inbox">
        {(item) => (
          <Row key={`${item.kind}${item.bead_id ?? item.since}`} beadId={item.bead_id} title={item.title}>
            <p className="why need">
              <Words text={item.text} />
            </p>
          </Row>
        )}
      </Group>
      <Group title="Waiting" items={queue}>
        {(bead) => (
          <Row key={bead.id} beadId={bead.id} title={bead.title}>
            <p className="why">
              <Words text={beadSentence(bead, null, now)} />
            </p>
          </Row>
        )}
      </Group>
      <Group title="Landing" items={merges}>
        {(merge) => (
          <Row key={merge.id} beadId={merge.bead_id} title={titles.get(merge.bead_id) ?? merge.branch}>
            <p className="why">
              <MergeWords merge={merge} />
            </p>
          </Row>
        )}
      </Group>
      <Group title="Gave up" items={failed}>
        {(bead) => (
          <Row key={bead.id} beadId={bead.id} title={bead.title}>
            <p className="why bad">
              <Words text={beadSentence(bead, null, now)} />
            </p>
            <Do label={`Retry ${bead.title}`} act={() => api.retryBead.mutate({ beadId: bead.id })}>
              Retry
            </Do>
          </Row>
        )}
      </Group>
    </aside>
  );
}

export function useBeads(rigId: string, status: Bead["status"]): Bead[] {
  const { data } = useInfiniteQuery(beadsQuery(rigId, status));
  return data?.pages.flatMap((page) => page.items) ?? [];
}

/** In line first, in their order; then the others as they were slung. */
export function byPlace(a: Bead, b: Bead): number {
  return (a.queue_position ?? Infinity) - (b.queue_position ?? Infinity) || 0;
}

function Group<T>({ title, items, more, children }: { title: string; items: readonly T[]; more?: "/inbox"; children: (item: T) => ReactNode }) {
  if (items.length === 0) return null;
  return (
    <section aria-label={title}>
      <h3>
        {title} <span className="n">{items.length}</span>
      </h3>
      {items.slice(0, SHOWN).map(children)}
      {items.length > SHOWN && <p className="quiet">{more ? <Link to={more}>{items.length - SHOWN} more</Link> : `${items.length - SHOWN} more on the board`}</p>}
    </section>
  );
}

function Row({ beadId, title, children }: { beadId: string | null; title: string; children: ReactNode }) {
  return (
    <div className="row">
      {beadId ? (
        <Link to="/beads/$bead" params={{ bead: beadId }}>
          <Title text={title} />
        </Link>
      ) : (
        <Title text={title} />
      )}
      {children}
    </div>
  );
}
