import { useRef, useState } from "react";

import type { Line, RunStream } from "../live/streams";
import { useKeys } from "../ui/keys";
import { count } from "../words/time";

/** Searches a stream, and steps from one tool call to the next. */
export function Finder({ stream, onFound }: { stream: RunStream; onFound: (index: number) => void }) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(-1);
  const [note, setNote] = useState("");
  const field = useRef<HTMLInputElement>(null);
  useKeys({ "/": () => field.current?.focus() });
  const isTool = (line: Line): boolean => line.kind === "tool_call";
  const holds = (line: Line): boolean => textOf(line).toLowerCase().includes(text.toLowerCase());

  async function step(wanted: (line: Line) => boolean, by: 1 | -1, noun: string): Promise<void> {
    while (stream.firstSeq > 1 && (await stream.loadOlder()));
    const found = stream.lines.flatMap((line, index) => (wanted(line) ? [index] : []));
    const from = by === 1 ? found.find((index) => index > at) ?? found[0] : found.findLast((index) => index < at || at < 0) ?? found.at(-1);
    setNote(found.length === 0 ? `No ${noun}` : `${found.indexOf(from ?? 0) + 1} of ${count(found.length, noun)}`);
    if (from === undefined) return;
    setAt(from);
    onFound(from);
  }

  return (
    <form
      className="tools"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        if (text !== "") void step(holds, -1, "match");
      }}
    >
      <input ref={field} type="search" aria-label="Search the output" placeholder="Search" value={text} onChange={(event) => (setText(event.target.value), setAt(-1))} />
      <button type="button" disabled={text === ""} onClick={() => void step(holds, -1, "match")}>
        Before
      </button>
      <button type="button" disabled={text === ""} onClick={() => void step(holds, 1, "match")}>
        Next
      </button>
      <span role="status" className="quiet">
        {note}
      </span>
      <span className="space" />
      {stream.lines.some(isTool) && (
        <>
          <button type="button" onClick={() => void step(isTool, -1, "tool call")}>
            Tool call before
          </button>
          <button type="button" onClick={() => void step(isTool, 1, "tool call")}>
            Next tool call
          </button>
        </>
      )}
    </form>
  );
}

function textOf(line: Line): string {
  return typeof line.data === "string" ? line.data : JSON.stringify(line.data);
}
