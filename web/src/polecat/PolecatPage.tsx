import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useState } from "react";

import { QuestionBox } from "../bead/QuestionBox";
import { useTitle } from "../app/attention";
import { askToStop } from "../app/overlays";
import { api, isNotFound } from "../api/client";
import { agentQuery, beadQuery } from "../api/queries";
import type { Agent, AgentMessage } from "../api/router";
import { useNow } from "../live/clock";
import { useStreams } from "../live/connection";
import { refreshAll } from "../live/freshness";
import { StreamView } from "../stream/StreamView";
import { Refusal } from "../ui/asking";
import { useKeys } from "../ui/keys";
import { Dot, Empty, Since, Trouble } from "../ui/parts";
import { Title, Words } from "../ui/Words";
import { agentWord, usageWords } from "../words/sentences";
import { clockDay } from "../words/time";
import { Environment } from "./Environment";
import { Resources } from "./Resources";

/** One polecat: everything it prints, a word to it, where it works, what it uses. */
export function PolecatPage() {
  const { agent: id } = useParams({ from: "/polecats/$agent" });
  const { data: agent, error } = useQuery(agentQuery(id));
  useTitle(agent?.name ?? "Polecat");
  if (isNotFound(error)) {
    return (
      <Empty title="There is no such polecat">
        <p>A polecat leaves when its bead is closed, failed or cancelled. The bead keeps its transcript.</p>
      </Empty>
    );
  }
  if (!agent) return error ? <Trouble error={error} /> : null;
  return <Polecat key={agent.id} agent={agent} />;
}

function Polecat({ agent }: { agent: Agent }) {
  const { data: bead } = useQuery({ ...beadQuery(agent.bead_id ?? ""), enabled: agent.bead_id !== null });
  const live = agent.run !== null;
  const [shown, setShown] = useState(false);
  useStreams({ agentIds: [agent.id] });
  useKeys({ s: () => live && askToStop(agent.id, agent.name) });
  return (
    <div className="polecat-page">
      <header>
        <h1>
          <Dot tone={agent.status === "working" ? "run" : agent.status === "stalled" ? "warn" : "off"} /> {agent.name}
          <span className="word">{agentWord(agent)}</span>
          <span className="space" />
          <span className="t">{agent.started_at && <Since at={agent.started_at} />}</span>
        </h1>
        {bead && (
          <p>
            <Link to="/beads/$bead" params={{ bead: bead.id }}>
              <Title text={bead.title} />
            </Link>
          </p>
        )}
        <p className="meta">{[agent.identity, agent.branch, agent.agent_kind, agent.pid === null ? null : `pid ${agent.pid}`, agent.usage && usageWords(agent.usage)].filter(Boolean).join(" · ")}</p>
        {agent.worktree && (
          <p className="meta">
            <Copy text={agent.worktree} />
          </p>
        )}
        <Resources agent={agent} />
        {bead?.question && <QuestionBox agentId={agent.id} question={bead.question} />}
        {live && (
          <div className="actions">
            <button type="button" onClick={() => askToStop(agent.id, agent.name)}>
              Stop
            </button>
            <button type="button" aria-expanded={shown} onClick={() => setShown(!shown)}>
              Environment
            </button>
          </div>
        )}
        {shown && <Environment agent={agent} />}
      </header>
      {agent.run_id ? <StreamView key={agent.run_id} runId={agent.run_id} label={`Output of ${agent.name}`} times whole={!live} tools /> : <p className="quiet">It has not run yet.</p>}
      {bead && bead.messages.length > 0 && <Messages messages={bead.messages} live={live} />}
      {live && <MessageBox agent={agent} />}
    </div>
  );
}

const LATEST = 3;

/** What was said to it last, and whether it has heard. */
function Messages({ messages, live }: { messages: AgentMessage[]; live: boolean }) {
  const now = useNow();
  return (
    <ul className="messages" aria-label="Messages">
      {messages.slice(-LATEST).map((message) => (
        <li key={message.id}>
          <span className="clip">
            <Words text={message.text} />
          </span>{" "}
          <span className="quiet">{heardWords(message, live, now)}</span>
        </li>
      ))}
    </ul>
  );
}

function heardWords(message: AgentMessage, live: boolean, now: number): string {
  if (message.state === "failed") return "Its bead was over first";
  if (message.state === "delivered") return message.delivered_at ? `Delivered ${clockDay(message.delivered_at, now)}` : "Delivered";
  if (!live) return "It gets this when it runs again";
  return message.now ? "It is interrupted" : "It gets this when its turn ends, or with its next run";
}

function MessageBox({ agent }: { agent: Agent }) {
  const [text, setText] = useState("");
  const sent = useMutation({
    mutationFn: (now: boolean) => api.sendMessage.mutate({ agentId: agent.id, message: text.trim(), now }),
    onSuccess: () => setText(""),
    onSettled: refreshAll,
  });
  return (
    <form
      className="message"
      onSubmit={(event) => {
        event.preventDefault();
        sent.mutate(false);
      }}
    >
      <input aria-label={`Message to ${agent.name}`} placeholder={`Say something to ${agent.name}`} value={text} onChange={(event) => setText(event.target.value)} />
      <button type="submit" className="strong" disabled={text.trim() === "" || sent.isPending}>
        Send
      </button>
      <button type="button" title="Interrupts what it does" disabled={text.trim() === "" || sent.isPending} onClick={() => sent.mutate(true)}>
        Interrupt
      </button>
      {sent.isError && <Refusal error={sent.error} />}
    </form>
  );
}

/** A path, with a button that copies it. */
function Copy({ text }: { text: string }) {
  const [copied, setCopied] = useState(false);
  return (
    <>
      <code>{text}</code>{" "}
      {"clipboard" in navigator && (
        <button type="button" className="plain" aria-label={`Copy ${text}`} onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true))}>
          {copied ? "copied" : "copy"}
        </button>
      )}
    </>
  );
}
