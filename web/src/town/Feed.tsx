import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { useStatus } from "../app/where";
import { beadQuery, eventsQuery } from "../api/queries";
import type { LedgerEvent } from "../api/router";
import { useNow } from "../live/clock";
import { Title, Words } from "../ui/Words";
import { eventDetail, eventWords, short } from "../words/sentences";
import { clockDay } from "../words/time";

const FEW = 20;

/** The ledger, newest first. */
export function Feed({ scope, title, few = false }: { scope: { rigId?: string; beadId?: string }; title: string; few?: boolean }) {
  const { data, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery(eventsQuery(scope));
  const events = (data?.pages ?? []).flatMap((page) => [...page.items].reverse());
  const shown = few ? events.slice(0, FEW) : events;
  return (
    <section className="list feed" aria-label={title}>
      <h2>{title}</h2>
      {data && events.length === 0 && <p className="quiet">Nothing yet. All that happens is written down here, with who did it.</p>}
      {shown.map((event) => (
        <Entry key={event.seq} event={event} withBead={scope.beadId === undefined} />
      ))}
      {!few && hasNextPage && (
        <button type="button" disabled={isFetchingNextPage} onClick={() => void fetchNextPage()}>
          Older events
        </button>
      )}
    </section>
  );
}

function Entry({ event, withBead }: { event: LedgerEvent; withBead: boolean }) {
  const now = useNow();
  const status = useStatus();
  const rig = status.rigs.find((one) => one.id === event.rig_id);
  const detail = eventDetail(event);
  return (
    <div className="event">
      <time dateTime={event.at}>{clockDay(event.at, now)}</time>
      <span className="who">{event.actor}</span>
      <span className="text">
        {withBead && event.bead_id && <BeadName beadId={event.bead_id} />} {eventWords(event)}
        {detail && (
          <span className="detail">
            {" "}
            <Words text={detail} />
          </span>
        )}
      </span>
      {withBead && <span className="rig">{rig?.name}</span>}
    </div>
  );
}

function BeadName({ beadId }: { beadId: string }) {
  const { data } = useQuery({ ...beadQuery(beadId), staleTime: 60_000, retry: false });
  return (
    <Link to="/beads/$bead" params={{ bead: beadId }}>
      {data ? <Title text={data.title} /> : short(beadId)}
    </Link>
  );
}
