import { Link, useNavigate } from "@tanstack/react-router";
import { useState, type KeyboardEvent } from "react";

import { useReadsOnly } from "../app/where";
import type { Bead, Merge } from "../api/router";
import { useNow } from "../live/clock";
import { refreshAll } from "../live/freshness";
import { MergeWords } from "../merge/MergeWords";
import { Ask, Do, Refusal } from "../ui/asking";
import { Ago } from "../ui/parts";
import { Title, Words } from "../ui/Words";
import { beadSentence, costWords } from "../words/sentences";
import { actsOf, stepOf, type Act } from "./acts";

interface CardProps {
  bead: Bead;
  merge: Merge | null;
  onDrag: (dragged: Dragged | null) => void;
}

/** What is being dragged, and what to do with it where it is dropped. */
export interface Dragged {
  bead: Bead;
  merge: Merge | null;
  run: (act: Act) => void;
}

/** A bead on the board: where it stands, why, and what can be done, by button, key or drag. */
export function Card({ bead, merge, onDrag }: CardProps) {
  const navigate = useNavigate();
  const readsOnly = useReadsOnly();
  const acts = actsOf(bead, merge);
  const [refused, setRefused] = useState<unknown>(null);
  const [asking, setAsking] = useState<Act | null>(null);
  const run = (act: Act): void => {
    if (act.sure !== undefined) setAsking(act);
    else act.act().then(() => setRefused(null), setRefused).finally(refreshAll);
  };
  const pressed = (event: KeyboardEvent): void => {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter") void navigate({ to: "/beads/$bead", params: { bead: bead.id } });
    const act = acts.find((one) => one.key === event.key) ?? stepOf(bead, event.key);
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    run(act);
  };
  return (
    <article
      className="bead"
      aria-label={bead.title}
      tabIndex={0}
      onKeyDown={pressed}
      draggable={!readsOnly && acts.length > 0}
      onDragStart={(event) => {
        event.dataTransfer.effectAllowed = "move";
        event.dataTransfer.setData("text/plain", bead.title);
        // a page that changes within this event ends the drag before it has begun
        setTimeout(() => onDrag({ bead, merge, run }));
      }}
      onDragEnd={() => onDrag(null)}
    >
      <h3>
        <Link to="/beads/$bead" params={{ bead: bead.id }} tabIndex={-1} draggable={false}>
          <Title text={bead.title} />
        </Link>
      </h3>
      <Why bead={bead} merge={merge} />
      <footer>
        {bead.priority !== "medium" && <span className="word">{bead.priority}</span>}
        {bead.agent_kind && <span>{bead.agent_kind}</span>}
        {bead.usage?.cost_usd != null && <span>{costWords(bead.usage.cost_usd)}</span>}
        <span className="space" />
        {acts.map((act) =>
          act.sure === undefined ? (
            <Do key={act.name} className="plain" label={`${act.name} ${bead.title}`} act={act.act}>
              {act.name}
            </Do>
          ) : (
            <button key={act.name} type="button" className="plain" aria-label={`${act.name} ${bead.title}`} onClick={() => run(act)}>
              {act.name}
            </button>
          ),
        )}
      </footer>
      {refused !== null && <Refusal error={refused} />}
      {asking && <Ask title={`Cancel “${bead.title}”?`} text={asking.sure ?? ""} does="Cancel it" danger act={asking.act} onClose={() => setAsking(null)} />}
    </article>
  );
}

function Why({ bead, merge }: { bead: Bead; merge: Merge | null }) {
  const now = useNow();
  const need = merge?.status === "approval" || bead.queue_reason === "held" || (bead.type === "escalation" && bead.status === "open");
  return (
    <>
      <p className={`why${bead.status === "failed" ? " bad" : ""}${need ? " need" : ""}`}>
        {bead.status === "closed" ? (
          <>Landed{bead.closed_at && <> <Ago at={bead.closed_at} /></>}</>
        ) : bead.status === "in_progress" && bead.assignee_agent_bead_id ? (
          <>
            <Link to="/polecats/$agent" params={{ agent: bead.assignee_agent_bead_id }} tabIndex={-1} draggable={false}>
              {bead.assignee}
            </Link>{" "}
            is working{bead.attempts > 0 && `, attempt ${bead.attempts + 1}`}
          </>
        ) : bead.status === "in_review" && merge ? (
          <MergeWords merge={merge} />
        ) : (
          <Words text={beadSentence(bead, merge, now)} />
        )}
      </p>
      {merge?.error && merge.status === "waiting" && (
        <p className="why bad">
          <Words text={merge.error.split("\n")[0] ?? ""} />
        </p>
      )}
    </>
  );
}
