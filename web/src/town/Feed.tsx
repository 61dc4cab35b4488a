import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { memo } from "react";

import { useStatus } from "../app/where";
import { eventsQuery } from "../api/queries";
import type { LedgerEvent } from "../api/router";
import { useNow } from "../live/clock";
import { Title, Words } from "../ui/Words";
import { actorWords, eventDetail, eventWords, isImplied } from "../words/sentences";
import { clockDay } from "../words/time";

const FEW = 20;

interface FeedProps {
  scope: { rigId?: string; beadId?: string };
  title: string;
  /** Only the newest, and of them only what says something to a person. */
  few?: boolean;
}

/** The ledger, newest first. */
export function Feed({ scope, title, few = false }: FeedProps) {
  const { data, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery(eventsQuery(scope));
  const events = (data?.pages ?? []).flatMap((page) => [...page.items].reverse());
  const shown = few ? events.filter((event) => !isImplied(event)).slice(0, FEW) : events;
  const about = scope.beadId ? "bead" : scope.rigId ? "rig" : "home";
  return (
    <section className={`list feed of-${about}`} aria-label={title}>
      <h2>{title}</h2>
      {data && shown.length === 0 && <p className="quiet">Nothing yet. All that happens is written down here, with who did it.</p>}
      {shown.map((event) => (
        <Entry key={event.seq} event={event} withBead={about !== "bead"} withRig={about === "home"} />
      ))}
      {!few && hasNextPage && (
        <button type="button" disabled={isFetchingNextPage} onClick={() => void fetchNextPage()}>
          Older events
        </button>
      )}
    </section>
  );
}

const Entry = memo(function Entry({ event, withBead, withRig }: { event: LedgerEvent; withBead: boolean; withRig: boolean }) {
  const now = useNow();
  const status = useStatus();
  const detail = eventDetail(event);
  return (
    <div className="event">
      <time dateTime={event.at}>{clockDay(event.at, now)}</time>
      <span className="who">{actorWords(event)}</span>
      <span className="text">
        {withBead && event.bead_id && (
          <>
            <Link to="/beads/$bead" params={{ bead: event.bead_id }}>
              <Title text={event.bead_title ?? "a bead"} />
            </Link>{" "}
          </>
        )}
        <span className="happened">{eventWords(event)}</span>
        {detail && (
          <span className="detail">
            {" "}
            <Words text={detail} />
          </span>
        )}
      </span>
      {withRig && <span className="rig">{status.rigs.find((one) => one.id === event.rig_id)?.name}</span>}
    </div>
  );
});
