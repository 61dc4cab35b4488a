import { memo, useEffect, useMemo, useState } from "react";

import { remember, remembered } from "../app/theme";
import { visible } from "../words/visible";
import { count } from "../words/time";
import { keyOf, pairs, parseDiff, placeOf, type DiffLine, type FileDiff, type Hunk } from "./diff";
import type { Token } from "./colours";

type Colour = (path: string, line: string) => Token[];
const plain: Colour = (_path, line) => [{ text: line, look: "" }];
const LARGE = 500;
const SPLIT_KEY = "boomtown.split";

export interface Comments {
  all: ReadonlyMap<string, string>;
  set: (key: string, text: string | null) => void;
}

/** A change, file by file; a click on a line's number begins a comment. Without `comments` it is only read. */
export function DiffView({ text, comments }: { text: string; comments: Comments | null }) {
  const files = useMemo(() => parseDiff(text), [text]);
  const [split, setSplit] = useState(remembered(SPLIT_KEY) === "yes");
  const colour = useColour();
  if (files.length === 0) return <p className="quiet">No file is changed.</p>;
  const plus = files.reduce((sum, file) => sum + file.plus, 0);
  const minus = files.reduce((sum, file) => sum + file.minus, 0);
  return (
    <div className="diff">
      <div className="tools">
        <span>
          {count(files.length, "file")}, <span className="plus">+{plus}</span> <span className="minus">−{minus}</span>
        </span>
        <span className="space" />
        <span className="choice" role="group" aria-label="Diff view">
          {[false, true].map((one) => (
            <button
              key={String(one)}
              type="button"
              aria-pressed={split === one}
              onClick={() => {
                setSplit(one);
                remember(SPLIT_KEY, one ? "yes" : null);
              }}
            >
              {one ? "Side by side" : "Unified"}
            </button>
          ))}
        </span>
      </div>
      {files.map((file) => (
        <File key={file.path} file={file} split={split} colour={colour} comments={comments} />
      ))}
    </div>
  );
}

/** Colours come a moment later, and are not part of the first load. */
function useColour(): Colour {
  const [colour, setColour] = useState<Colour>(() => plain);
  useEffect(() => {
    let wanted = true;
    void import("./colours").then((module) => wanted && setColour(() => module.coloured));
    return () => {
      wanted = false;
    };
  }, []);
  return colour;
}

function File({ file, split, colour, comments }: { file: FileDiff; split: boolean; colour: Colour; comments: Comments | null }) {
  const lines = file.hunks.reduce((sum, hunk) => sum + hunk.lines.length, 0);
  const [open, setOpen] = useState(lines <= LARGE);
  return (
    <section className="file" aria-label={file.path}>
      <h3>
        <button type="button" className="plain" aria-expanded={open} onClick={() => setOpen(!open)}>
          <bdi>{visible(file.path)}</bdi>
        </button>
        {file.notes.map((note) => (
          <span key={note} className="word">
            {visible(note)}
          </span>
        ))}
        <span className="space" />
        <span className="plus">+{file.plus}</span> <span className="minus">−{file.minus}</span>
      </h3>
      {open && (
        <div className="code" tabIndex={0} role="group" aria-label={`Changes of ${file.path}`}>
          <table className={split ? "split" : "unified"}>
            {file.hunks.map((hunk, at) => (
              <HunkRows key={at} file={file} hunk={hunk} split={split} colour={colour} comments={comments} />
            ))}
          </table>
        </div>
      )}
      {!open && lines > LARGE && <p className="quiet">{count(lines, "line")}; shown when opened.</p>}
    </section>
  );
}

const HunkRows = memo(function HunkRows({ file, hunk, split, colour, comments }: { file: FileDiff; hunk: Hunk; split: boolean; colour: Colour; comments: Comments | null }) {
  const [writing, setWriting] = useState<string | null>(null);
  const begin = (line: DiffLine): void => setWriting(keyOf(placeOf(file.path, line)));
  const note = (line: DiffLine | null, columns: number) => {
    if (!line || !comments) return null;
    const key = keyOf(placeOf(file.path, line));
    const text = comments.all.get(key);
    if (writing !== key && text === undefined) return null;
    return (
      <tr key={`note ${key}`} className="note">
        <td colSpan={columns}>
          <Comment place={key} text={text ?? ""} writing={writing === key} comments={comments} onWrite={() => setWriting(key)} onDone={() => setWriting(null)} />
        </td>
      </tr>
    );
  };
  const number = (line: DiffLine | null, value: number | null) => (
    <td className="number">
      {line && value !== null && comments ? (
        <button type="button" className="plain" aria-label={`Comment on line ${value}`} onClick={() => begin(line)}>
          {value}
        </button>
      ) : (
        value
      )}
    </td>
  );
  return (
    <tbody>
      <tr className="hunk">
        <td colSpan={4}>{visible(hunk.head) || "…"}</td>
      </tr>
      {split
        ? pairs(hunk.lines).flatMap(([left, right], at) => [
            <tr key={at}>
              {number(left === right ? null : left, left?.old ?? null)}
              <Code line={left} side="minus" path={file.path} colour={colour} />
              {number(right, right?.now ?? null)}
              <Code line={right} side="plus" path={file.path} colour={colour} />
            </tr>,
            left !== right && note(left, 4),
            note(right, 4),
          ])
        : hunk.lines.flatMap((line, at) => [
            <tr key={at}>
              {number(line.kind === "minus" ? line : null, line.old)}
              {number(line.kind === "minus" ? null : line, line.now)}
              <Code line={line} side={line.kind} path={file.path} colour={colour} />
            </tr>,
            note(line, 3),
          ])}
    </tbody>
  );
});

function Code({ line, side, path, colour }: { line: DiffLine | null; side: DiffLine["kind"]; path: string; colour: Colour }) {
  if (!line) return <td className="text none" />;
  const look = line.kind === "same" ? "same" : side;
  return (
    <td className={`text ${look}`}>
      {colour(path, line.text).map((token, at) => (
        <span key={at} className={token.look || undefined}>
          {visible(token.text)}
        </span>
      ))}
    </td>
  );
}

function Comment({ place, text, writing, comments, onWrite, onDone }: { place: string; text: string; writing: boolean; comments: Comments; onWrite: () => void; onDone: () => void }) {
  const [said, setSaid] = useState(text);
  const keep = (): void => {
    comments.set(place, said.trim() === "" ? null : said);
    onDone();
  };
  if (!writing) {
    return (
      <div className="comment">
        <p>
          <bdi>{visible(text)}</bdi>
        </p>
        <button type="button" className="plain" onClick={onWrite}>
          edit
        </button>
        <button type="button" className="plain" onClick={() => comments.set(place, null)}>
          remove
        </button>
      </div>
    );
  }
  return (
    <div className="comment">
      <textarea
        autoFocus
        rows={2}
        aria-label={`Comment on ${place}`}
        value={said}
        onChange={(event) => setSaid(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape") onDone();
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) keep();
        }}
      />
      <button type="button" className="strong" onClick={keep}>
        Keep comment
      </button>
      <button type="button" onClick={onDone}>
        Never mind
      </button>
    </div>
  );
}
