import { memo } from "react";

import type { Line } from "../live/streams";
import { visible } from "../words/visible";
import { clockTime } from "../words/time";
import { pieces } from "./ansi";
import { diffLines, text, texts, type Fields } from "./fields";

/** One line of a run's stream, typed as it came. Whatever an agent prints is text and nothing else. */
export const LineView = memo(function LineView({ line, times }: { line: Line; times: boolean }) {
  return (
    <div className={`line k-${/^[a-z_]+$/.test(line.kind) ? line.kind : "other"}`} data-seq={line.seq}>
      {times && <time dateTime={line.at}>{clockTime(line.at)}</time>}
      <div className="said">
        <Said line={line} />
        {line.cut > 0 && <span className="cut"> … {line.cut.toLocaleString("en")} more characters</span>}
      </div>
    </div>
  );
});

function Said({ line }: { line: Line }) {
  if (line.kind === "prompt" && typeof line.data === "string") return <Prompt words={line.data} />;
  if (typeof line.data === "string") return <TerminalText text={line.data} />;
  const fields = (typeof line.data === "object" && line.data !== null ? line.data : {}) as Fields;
  switch (line.kind) {
    case "tool_call":
    case "tool_update":
      return <Tool fields={fields} />;
    case "diff":
      return <SmallDiff fields={fields} />;
    case "plan":
      return <Plan fields={fields} />;
    case "session":
      return <>{visible([text(fields, "agent"), text(fields, "version"), text(fields, "model"), fields["resumed"] === true ? "resumed" : ""].filter(Boolean).join(" · ") || "a session begins")}</>;
    case "stop":
      return <>turn ended: {visible(text(fields, "reason"))}</>;
    case "permission":
      return <>may it? {visible(text(fields, "title"))} — {fields["answer"] == null ? "waits for you" : visible(text(fields, "answer"))}</>;
    case "usage":
      return <>{visible(usage(fields))}</>;
    default:
      return <>{visible(JSON.stringify(line.data))}</>;
  }
}

function TerminalText({ text: raw }: { text: string }) {
  return pieces(raw).map((piece, at) => (
    <span key={at} className={piece.look || undefined}>
      {piece.text}
    </span>
  ));
}

function Tool({ fields }: { fields: Fields }) {
  const output = text(fields, "output").split("\n").filter(Boolean);
  const where = texts(fields, "locations").filter((place) => !text(fields, "title").includes(place));
  const status = text(fields, "status");
  const over = status === "completed" || status === "failed";
  const name = [text(fields, "title") || (over ? "" : text(fields, "kind")), ...where.map(inWorktree)].filter(Boolean).join(" ");
  const words = (
    <>
      {name && <span className="tool">{visible(name)} </span>}
      {over && <span className={`result ${status}`}>{status === "failed" ? "failed" : "done"}</span>}
    </>
  );
  if (output.length === 0) return words;
  return (
    <details>
      <summary>
        {words} {visible(output.at(-1)?.slice(0, 300) ?? "")}
      </summary>
      <pre>{visible(output.join("\n"))}</pre>
    </details>
  );
}

/** What the town told the agent: long, and of interest once. */
function Prompt({ words }: { words: string }) {
  const lines = words.trim().split("\n");
  if (lines.length === 1) return <>{visible(words)}</>;
  return (
    <details>
      <summary>
        told: {visible(lines[0] ?? "")} <span className="cut">{lines.length} lines</span>
      </summary>
      <pre>{visible(words)}</pre>
    </details>
  );
}

/** A path without the way to the worktree. */
function inWorktree(path: string): string {
  return path.replace(/^.*\/worktrees\/[^/]+\//, "");
}

function SmallDiff({ fields }: { fields: Fields }) {
  const lines = diffLines(text(fields, "diff"));
  const plus = lines.filter((line) => line.startsWith("+")).length;
  const minus = lines.filter((line) => line.startsWith("-")).length;
  return (
    <details>
      <summary>
        {visible(inWorktree(text(fields, "path")))} <span className="plus">+{plus}</span> <span className="minus">−{minus}</span>
      </summary>
      <pre>
        {lines.slice(0, 400).map((line, at) => (
          <span key={at} className={line.startsWith("+") ? "plus" : line.startsWith("-") ? "minus" : undefined}>
            {visible(line)}
            {"\n"}
          </span>
        ))}
      </pre>
    </details>
  );
}

function Plan({ fields }: { fields: Fields }) {
  const entries = Array.isArray(fields["entries"]) ? (fields["entries"] as Fields[]) : [];
  return (
    <ul className="plan">
      {entries.map((entry, at) => (
        <li key={at} className={text(entry, "status") === "completed" ? "done" : undefined}>
          {visible(text(entry, "content"))}
        </li>
      ))}
    </ul>
  );
}

function usage(fields: Fields): string {
  const parts = Object.entries(fields).filter(([, value]) => typeof value === "number" || typeof value === "string");
  return parts.map(([key, value]) => `${key.replaceAll("_", " ")} ${typeof value === "number" ? value.toLocaleString("en") : String(value)}`).join(" · ");
}
