import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { keyOf, useTitle } from "../app/attention";
import { useStatus } from "../app/where";
import { api } from "../api/client";
import { beadQuery, inboxQuery } from "../api/queries";
import type { InboxItem } from "../api/router";
import { QuestionBox } from "../bead/QuestionBox";
import { Ask, Do } from "../ui/asking";
import { Ago, Empty, Trouble } from "../ui/parts";
import { Title, Words } from "../ui/Words";

const KINDS: Record<string, string> = {
  approval: "Needs your review",
  escalation: "Escalated",
  failed: "Gave up",
  held: "Held",
  remote_refused: "The remote refused",
  base_red: "Red on the default branch, too",
  breaker: "Dispatch stopped",
  paused: "Setup failed",
  question: "Asks you",
  permission: "Asks for permission",
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
      <h1>Inbox</h1>
      <ul className="inbox" aria-label="Inbox">
        {data.map((item) => (
          <Item key={keyOf(item)} item={item} />
        ))}
      </ul>
    </div>
  );
}

function Item({ item }: { item: InboxItem }) {
  const status = useStatus();
  const rig = status.rigs.find((one) => one.id === item.rig_id);
  return (
    <li>
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
        </p>
      )}
      <div className="actions">
        <Actions item={item} />
      </div>
    </li>
  );
}

function Answer({ beadId }: { beadId: string }) {
  const { data } = useQuery(beadQuery(beadId));
  return data?.question ? <QuestionBox agentId={data.assignee_agent_bead_id ?? beadId} question={data.question} /> : null;
}

function Actions({ item }: { item: InboxItem }) {
  const [asking, setAsking] = useState<"rework" | "discard" | "cancel" | null>(null);
  const { bead_id: beadId, merge_id: mergeId } = item;
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
      <Do className="strong" act={() => api.resume.mutate(item.rig_id === null ? {} : { rigId: item.rig_id })}>
        Resume dispatch
      </Do>
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
