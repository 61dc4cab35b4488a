import { useInfiniteQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState, type DragEvent } from "react";

import { useTitle } from "../app/attention";
import { openSling } from "../app/overlays";
import { beadsQuery } from "../api/queries";
import type { Bead, BeadStatus, Merge } from "../api/router";
import { byPlace } from "../rig/Aside";
import { useRig } from "../rig/RigFrame";
import { useKeys } from "../ui/keys";
import { Empty } from "../ui/parts";
import { dropsOf, type Drop, type Place } from "./acts";
import { Card, type Dragged } from "./Card";

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
  const [dragged, setDragged] = useState<Dragged | null>(null);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!dragged) return undefined;
    // the pointer is silent during a drag; when it speaks again, the drag is over, even if its card has gone meanwhile
    const over = (): void => setDragged(null);
    document.addEventListener("pointermove", over);
    return () => document.removeEventListener("pointermove", over);
  }, [dragged]);
  useKeys({
    j: () => move(box.current, 0, 1),
    ArrowDown: () => move(box.current, 0, 1),
    k: () => move(box.current, 0, -1),
    ArrowUp: () => move(box.current, 0, -1),
    ArrowRight: () => move(box.current, 1, 0),
    ArrowLeft: () => move(box.current, -1, 0),
  });
  const all = [open, working, review, closed, failed, cancelled];
  if (all.some((column) => !column.known)) return null;
  if (all.every((column) => column.beads.length === 0)) return <NoBeads rigId={rig.id} />;
  const columns: [Place, string, OneColumn][] = [
    ["waiting", "Waiting", { ...open, beads: open.beads.sort(byPlace) }],
    ["working", "Working", working],
    ["review", "Review and landing", review],
    ["landed", "Landed", closed],
    ["failed", "Gave up", { ...failed, beads: [...failed.beads, ...cancelled.beads], more: failed.more ?? cancelled.more }],
  ];
  const merges = new Map(rig.merges.map((merge) => [merge.bead_id, merge]));
  return (
    <div ref={box} className="board">
      <h1 className="sr">Board of {rig.name}</h1>
      {columns.map(([place, title, column]) => (
        <Column
          key={place}
          title={title}
          column={column}
          merges={merges}
          drops={dragged && dropsOf(dragged.bead, dragged.merge, place)}
          onDrag={setDragged}
          onDrop={(drop) => {
            dragged?.run(drop.act);
            setDragged(null);
          }}
        />
      ))}
    </div>
  );
}

function NoBeads({ rigId }: { rigId: string }) {
  return (
    <Empty title="No beads yet">
      <p>A bead is one piece of work: a title, and what an agent should know. Paste a whole list if you like.</p>
      <p>
        <button type="button" className="strong" onClick={() => openSling(rigId)}>
          Sling beads
        </button>{" "}
        <kbd>n</kbd>
      </p>
    </Empty>
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

interface ColumnProps {
  title: string;
  column: OneColumn;
  merges: Map<string, Merge>;
  /** What dropping here would do; null while nothing is dragged. */
  drops: Drop[] | null;
  onDrag: (dragged: Dragged | null) => void;
  onDrop: (drop: Drop) => void;
}

function Column({ title, column: { beads, more }, merges, drops, onDrag, onDrop }: ColumnProps) {
  const [shown, setShown] = useState(AT_FIRST);
  const hidden = beads.length - shown;
  return (
    <section className={drops?.length === 0 ? "column closed" : "column"} aria-label={title}>
      <h2>
        {title} <span className="n">{more ? `${beads.length}+` : beads.length}</span>
      </h2>
      <div className="cards-of">
        {beads.slice(0, shown).map((bead) => (
          <Card key={bead.id} bead={bead} merge={merges.get(bead.id) ?? null} onDrag={onDrag} />
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
      {drops && drops.length > 0 && (
        <div className="drops">
          {drops.map((drop) => (
            <DropZone key={drop.words} drop={drop} onDrop={() => onDrop(drop)} />
          ))}
        </div>
      )}
    </section>
  );
}

/** Lies over a column while something is dragged, and says what happens when it is let go here. */
function DropZone({ drop, onDrop }: { drop: Drop; onDrop: () => void }) {
  const [over, setOver] = useState(false);
  const here = (event: DragEvent): void => {
    event.preventDefault();
    event.dataTransfer.dropEffect = "move";
    setOver(true);
  };
  return (
    <div
      className={over ? "drop over" : "drop"}
      onDragEnter={here}
      onDragOver={here}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        onDrop();
      }}
    >
      {drop.words}
    </div>
  );
}

/** To the card that is so many columns and rows away; from nowhere to the first. */
function move(board: HTMLElement | null, columns: number, rows: number): void {
  const cards = [...(board?.querySelectorAll<HTMLElement>(".column") ?? [])].map((column) => [...column.querySelectorAll<HTMLElement>("article")]);
  const x = cards.findIndex((column) => column.some((card) => card.contains(document.activeElement)));
  const y = cards[x]?.findIndex((card) => card.contains(document.activeElement)) ?? 0;
  let next = x;
  if (x < 0) next = cards.findIndex((column) => column.length > 0);
  else if (columns !== 0) for (next = x + columns; next >= 0 && next < cards.length && cards[next]?.length === 0; ) next += columns;
  const column = cards[next];
  const card = x < 0 ? column?.[0] : column?.[Math.max(0, Math.min(column.length - 1, y + rows))];
  card?.focus();
  card?.scrollIntoView({ block: "nearest", inline: "nearest" });
}
