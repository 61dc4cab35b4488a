import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";

import { useStatus } from "../app/where";
import { api } from "../api/client";
import type { Priority, SlungMany, TaskInput } from "../api/router";
import { useNow } from "../live/clock";
import { refreshAll } from "../live/freshness";
import { useBeads } from "../rig/Aside";
import { Refusal } from "../ui/asking";
import { Dialog } from "../ui/Dialog";
import { Dot } from "../ui/parts";
import { Title, Words } from "../ui/Words";
import { beadSentence } from "../words/sentences";
import { PRIORITIES } from "../words/settings";
import { count } from "../words/time";
import { newKey, parseTasks } from "./tasks";

interface SlingProps {
  rigId: string | null;
  onClose: () => void;
}

/** Many beads at once: typed, pasted, or as JSON Lines; all of them or none. */
export function SlingDialog({ rigId, onClose }: SlingProps) {
  const status = useStatus();
  const [rig, setRig] = useState(rigId ?? status.rigs[0]?.id ?? "");
  const [text, setText] = useState("");
  const [body, setBody] = useState("");
  const [priority, setPriority] = useState<Priority>("medium");
  const [agent, setAgent] = useState("");
  const [model, setModel] = useState("");
  const [after, setAfter] = useState<string[]>([]);
  const [hold, setHold] = useState(false);
  const [report, setReport] = useState(false);
  const [key, setKey] = useState(newKey);
  const parsed = useMemo(() => parseTasks(text), [text]);
  const name = status.rigs.find((one) => one.id === rig)?.name ?? "";
  const slung = useMutation({
    mutationFn: async () => {
      const tasks = parsed.tasks.map((task): TaskInput => ({
        ...(body.trim() ? { body } : {}),
        priority,
        ...(agent ? { agent } : {}),
        ...(model.trim() ? { model: model.trim() } : {}),
        ...(report ? { report } : {}),
        ...task,
        ...(after.length > 0 ? { dependsOn: [...(task.dependsOn ?? []), ...after] } : {}),
      }));
      return (await api.sling.mutate({ rigId: rig, tasks, hold, idempotencyKey: key })) as SlungMany;
    },
    onSettled: refreshAll,
  });
  if (slung.data) {
    return (
      <Results
        rig={name}
        slung={slung.data}
        onClose={onClose}
        onMore={() => {
          setText("");
          setKey(newKey());
          slung.reset();
        }}
      />
    );
  }
  return (
    <Dialog title="Sling beads" wide onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          slung.mutate();
        }}
      >
        <label>
          One bead a line, or JSON Lines
          <textarea
            autoFocus
            rows={7}
            value={text}
            placeholder={'Rate-limit the login endpoint\nExport invoices as CSV\n{"title": "Use the limiter in the API", "priority": "high", "depends_on": [0]}'}
            onChange={(event) => setText(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.currentTarget.form?.requestSubmit();
            }}
          />
        </label>
        <div className="fields">
          {status.rigs.length > 1 && (
            <label>
              Rig
              <select value={rig} onChange={(event) => (setRig(event.target.value), setAfter([]))}>
                {status.rigs.map((one) => (
                  <option key={one.id} value={one.id}>
                    {one.name}
                  </option>
                ))}
              </select>
            </label>
          )}
          <label>
            Priority
            <select value={priority} onChange={(event) => setPriority(event.target.value as Priority)}>
              {PRIORITIES.map((one) => (
                <option key={one}>{one}</option>
              ))}
            </select>
          </label>
          <label>
            Agent
            <select value={agent} onChange={(event) => setAgent(event.target.value)}>
              <option value="">{status.rigs.find((one) => one.id === rig)?.agent ?? status.default_agent ?? "the only usable one"}</option>
              {status.agents.map((one) => (
                <option key={one}>{one}</option>
              ))}
            </select>
          </label>
          <label>
            Model
            <input value={model} placeholder="the agent's own" spellCheck={false} onChange={(event) => setModel(event.target.value)} />
          </label>
        </div>
        <details>
          <summary>Details for all of them, and what they wait for</summary>
          <label>
            Body
            <textarea rows={3} value={body} onChange={(event) => setBody(event.target.value)} />
          </label>
          <After rigId={rig} chosen={after} onChange={setAfter} />
          <label className="check">
            <input type="checkbox" checked={report} onChange={(event) => setReport(event.target.checked)} /> Report: wanted is what the agent says in the end, and no commit
          </label>
          <label className="check">
            <input type="checkbox" checked={hold} onChange={(event) => setHold(event.target.checked)} /> Hold them: nothing starts until you say so
          </label>
        </details>
        {parsed.problem && (
          <p role="alert" className="refusal">
            {parsed.problem}
          </p>
        )}
        {slung.isError && <Refusal error={slung.error} />}
        <div className="buttons">
          <span className="quiet">{count(parsed.tasks.length, "bead")}</span>
          <button type="button" onClick={onClose}>
            Never mind
          </button>
          <button type="submit" className="strong" disabled={slung.isPending || parsed.problem !== null || parsed.tasks.length === 0 || rig === ""}>
            Sling {parsed.tasks.length > 1 ? `${parsed.tasks.length} beads` : "it"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function After({ rigId, chosen, onChange }: { rigId: string; chosen: string[]; onChange: (ids: string[]) => void }) {
  const open = useBeads(rigId, "open");
  const working = useBeads(rigId, "in_progress");
  const review = useBeads(rigId, "in_review");
  const choices = [...working, ...review, ...open].filter((bead) => bead.type === "issue");
  if (choices.length === 0) return null;
  return (
    <label>
      They start only after (choose any number)
      <select multiple size={Math.min(5, choices.length)} value={chosen} onChange={(event) => onChange([...event.target.selectedOptions].map((option) => option.value))}>
        {choices.map((bead) => (
          <option key={bead.id} value={bead.id}>
            {bead.title}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Who got what, and what waits for what. */
function Results({ rig, slung, onClose, onMore }: { rig: string; slung: SlungMany; onClose: () => void; onMore: () => void }) {
  const now = useNow();
  const started = slung.results.filter((result) => result.state === "assigned").length;
  const waits = slung.results.length - started;
  return (
    <Dialog title={`${count(slung.results.length, "bead")} in ${rig}: ${started} started, ${waits} ${waits === 1 ? "waits" : "wait"}`} wide onClose={onClose}>
      <ol className="results" aria-label="Results">
        {slung.results.map(({ bead, agent }) => (
          <li key={bead.id}>
            <Dot tone={agent ? "run" : "off"} />
            <Link to="/beads/$bead" params={{ bead: bead.id }} onClick={onClose}>
              <Title text={bead.title} />
            </Link>
            <span className="why">{agent ? `${agent.name} has it` : <Words text={beadSentence(bead, null, now)} />}</span>
          </li>
        ))}
      </ol>
      <div className="buttons">
        <button type="button" onClick={onMore}>
          Sling more
        </button>
        <button type="button" className="strong" autoFocus onClick={onClose}>
          Done
        </button>
      </div>
    </Dialog>
  );
}
