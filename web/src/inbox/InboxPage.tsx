import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useRef, useState, type KeyboardEvent } from "react";

import { keyOf, notifying, setNotifying, useTitle } from "../app/attention";
import { useStatus } from "../app/where";
import { api } from "../api/client";
import { beadQuery, diffQuery, inboxQuery } from "../api/queries";
import type { InboxItem, RigStatus } from "../api/router";
import { QuestionBox } from "../bead/QuestionBox";
import { useStore } from "../live/store";
import { Ask, Do } from "../ui/asking";
import { useKeys } from "../ui/keys";
import { Ago, Empty, Trouble } from "../ui/parts";
import { Title, Words } from "../ui/Words";
import { count } from "../words/time";

const KINDS: Record<string, string> = {
  approval: "Needs your review",
  escalation: "Escalated",
  failed: "Gave up",
  held: "Held",
  remote_refused: "The remote refused",
  base_red: "Red on the default branch, too",
  breaker: "Dispatch stopped",
  paused: "Setup failed",
  budget: "Budget used up",
  question: "Asks you",
  permission: "Asks for permission",
  quota: "Limit reached",
  auth: "Login needed",
};

/** What waits for a person, oldest first, each with what can be done. */
export function InboxPage() {
  const { data, error } = useQuery(inboxQuery);
  useTitle("Inbox");
  if (!data) return error ? <Trouble error={error} /> : null;
  if (data.length === 0) {
    return (
      <Empty title="Nothing needs you">
        <p>Questions, reviews and beads that gave up come here, oldest first. Until then the town runs by itself.</p>
        <p>
          <Link to="/town">To the town</Link>
        </p>
      </Empty>
    );
  }
  return (
    <div className="page">
      <div className="heading">
        <h1>Inbox</h1>
        <span className="quiet">{count(data.length, "thing")} to decide, oldest first</span>
        <span className="space" />
        <Notify />
      </div>
      <List items={data} />
    </div>
  );
}

/** For so many, the size of what is to be reviewed is looked up. */
const MEASURED = 20;

function List({ items }: { items: readonly InboxItem[] }) {
  const list = useRef<HTMLUListElement>(null);
  const step = (by: number): void => {
    const all = [...(list.current?.children ?? [])] as HTMLElement[];
    const at = all.findIndex((one) => one.contains(document.activeElement));
    const next = all[at < 0 ? 0 : Math.max(0, Math.min(all.length - 1, at + by))];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  };
  useKeys({ j: () => step(1), ArrowDown: () => step(1), k: () => step(-1), ArrowUp: () => step(-1) });
  return (
    <ul ref={list} className="inbox" aria-label="Inbox">
      {items.map((item, at) => (
        <Item key={keyOf(item)} item={item} measured={at < MEASURED} />
      ))}
    </ul>
  );
}

/** Whether this browser tells of new entries while nobody looks. */
function Notify() {
  const tells = useStore(notifying);
  if (!("Notification" in window)) return null;
  return (
    <button type="button" className="plain" aria-pressed={tells} onClick={() => void setNotifying(!tells)}>
      {tells ? "notifies you" : "notify me"}
    </button>
  );
}

function Item({ item, measured }: { item: InboxItem; measured: boolean }) {
  const status = useStatus();
  const navigate = useNavigate();
  const rig = status.rigs.find((one) => one.id === item.rig_id);
  const pressed = (event: KeyboardEvent): void => {
    if (event.target !== event.currentTarget || event.key !== "Enter" || item.bead_id === null) return;
    void navigate({ to: "/beads/$bead", params: { bead: item.bead_id } });
  };
  return (
    <li tabIndex={0} onKeyDown={pressed}>
      <p className="meta">
        <span className="need">{KINDS[item.kind] ?? item.kind.replaceAll("_", " ")}</span>
        {rig && <span>{rig.name}</span>}
        <Ago at={item.since} />
      </p>
      <h2>
        {item.bead_id ? (
          <Link to="/beads/$bead" params={{ bead: item.bead_id }}>
            <Title text={item.title} />
          </Link>
        ) : (
          <Title text={item.title} />
        )}
      </h2>
      {item.kind !== "question" && (
        <p className="why">
          <Words text={item.text} />
          {measured && item.kind === "approval" && item.bead_id && <Size beadId={item.bead_id} />}
        </p>
      )}
      <div className="actions">
        <Actions item={item} rig={rig} />
      </div>
    </li>
  );
}

/** How much there is to review. */
function Size({ beadId }: { beadId: string }) {
  const { data } = useQuery({ ...diffQuery(beadId), staleTime: 60_000, retry: false });
  const stat = data?.stat.trim().split("\n").at(-1);
  return stat ? <> {stat.trim().replace("(+)", "").replace("(-)", "")}.</> : null;
}

function Answer({ beadId }: { beadId: string }) {
  const { data } = useQuery(beadQuery(beadId));
  return data?.question ? <QuestionBox agentId={data.assignee_agent_bead_id ?? beadId} question={data.question} /> : null;
}

function Actions({ item, rig }: { item: InboxItem; rig: RigStatus | undefined }) {
  const [asking, setAsking] = useState<"rework" | "discard" | "cancel" | null>(null);
  const { bead_id: beadId, merge_id: mergeId, rig_id: rigId } = item;
  const close = (): void => setAsking(null);
  const question = beadId !== null && asking !== null && (
    <Ask
      {...(asking === "rework"
        ? { title: "Send it back", asks: "What should be different?", does: "Send back", act: (comment: string) => api.reworkBead.mutate({ beadId, comment }) }
        : asking === "discard"
          ? { title: "Discard this bead?", text: "Its branch goes; the tip stays in the clone.", does: "Discard", danger: true, act: () => api.discardBead.mutate({ beadId }) }
          : { title: "Cancel this bead?", text: "Its work is kept, and a retry takes it up again.", does: "Cancel it", danger: true, act: () => api.cancelBead.mutate({ beadId }) })}
      onClose={close}
    />
  );
  if (item.kind === "breaker" || item.kind === "paused") {
    return (
      <>
        <Do className="strong" act={() => api.resume.mutate(rigId === null ? {} : { rigId })}>
          Resume dispatch
        </Do>
        {rig && (
          <Link className="button" to="/rigs/$rig/settings" params={{ rig: rig.name }}>
            Settings
          </Link>
        )}
      </>
    );
  }
  if (item.kind === "budget" && rig) {
    return (
      <>
        <Link className="button strong" to="/rigs/$rig/settings" params={{ rig: rig.name }}>
          Raise it
        </Link>
        <span className="quiet">
          or <Words text={`\`${item.action}\``} />
        </span>
      </>
    );
  }
  if (mergeId !== null && item.kind !== "approval") {
    return (
      <Do className="strong" act={() => api.retryMerge.mutate({ mergeId })}>
        Try to land again
      </Do>
    );
  }
  if (item.kind === "question" && beadId !== null) return <Answer beadId={beadId} />;
  if (beadId === null) return <Words text={`\`${item.action}\``} />;
  switch (item.kind) {
    case "approval":
      return (
        <>
          <Link className="button strong" to="/beads/$bead" params={{ bead: beadId }}>
            Review
          </Link>
          <Do act={() => api.approveBead.mutate({ beadId })}>Approve</Do>
          <button type="button" onClick={() => setAsking("rework")}>
            Send back
          </button>
          <button type="button" onClick={() => setAsking("discard")}>
            Discard
          </button>
          {question}
        </>
      );
    case "failed":
      return (
        <>
          <Do className="strong" act={() => api.retryBead.mutate({ beadId })}>
            Retry
          </Do>
          <Link className="button" to="/beads/$bead" params={{ bead: beadId }}>
            Look why
          </Link>
        </>
      );
    case "held":
      return (
        <>
          <Do className="strong" act={() => api.startBead.mutate({ beadId })}>
            Start
          </Do>
          <button type="button" onClick={() => setAsking("cancel")}>
            Cancel it
          </button>
          {question}
        </>
      );
    case "escalation":
      return (
        <Do className="strong" act={() => api.closeBead.mutate({ beadId })}>
          Dealt with
        </Do>
      );
    default:
      return (
        <Link className="button strong" to="/beads/$bead" params={{ bead: beadId }}>
          Open
        </Link>
      );
  }
}
