import { useMutation } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { useTitle } from "../app/attention";
import { useStatus } from "../app/where";
import { api } from "../api/client";
import type { RigStatus, SettingValue } from "../api/router";
import { refreshAll } from "../live/freshness";
import { Ask, Do, Refusal } from "../ui/asking";
import { Words } from "../ui/Words";
import { MERGE_MODES } from "../words/settings";
import { duration } from "../words/time";
import { useRig } from "./RigFrame";

/** Texts of the form; lists have one entry a line. */
type Form = Record<string, string>;

const LISTS = ["gates", "names", "pass_env"];
const NUMBERS = ["max_polecats", "timeout", "stall_after", "gate_timeout"];
const SECONDS: readonly (readonly [string, string, number])[] = [
  ["timeout", "A bead's time limit, in seconds", 14_400],
  ["stall_after", "Silent after so many seconds", 900],
  ["gate_timeout", "A gate's time limit, in seconds", 1_800],
];

/** A rig's settings; what is changed counts from the next run, and stops nothing that runs. */
export function SettingsPage() {
  const rig = useRig();
  useTitle(`Settings · ${rig.name}`);
  return (
    <div className="page settings">
      <h1>Settings of {rig.name}</h1>
      <p className="meta">{rig.git_url}</p>
      <SettingsForm key={rig.id} rig={rig} />
      <Repository rig={rig} />
    </div>
  );
}

function formOf(rig: RigStatus): Form {
  const own = rig.settings;
  const text = (value: unknown): string => (Array.isArray(value) ? value.join("\n") : value == null ? "" : String(value));
  return {
    max_polecats: String(rig.max_polecats),
    agent: rig.agent ?? "",
    merge: rig.merge,
    landing: rig.landing,
    gates: rig.gates.join("\n"),
    names: text(own["names"]),
    pass_env: text(own["pass_env"]),
    timeout: text(own["timeout"]),
    stall_after: text(own["stall_after"]),
    gate_timeout: text(own["gate_timeout"]),
    agents_may_sling: text(own["agents_may_sling"] ?? false),
  };
}

function valueOf(key: string, text: string): SettingValue {
  if (LISTS.includes(key)) {
    const lines = text.split("\n").map((line) => line.trim()).filter(Boolean);
    return lines.length > 0 || key === "gates" ? lines : null;
  }
  if (key === "agents_may_sling") return text === "true";
  if (text.trim() === "") return null;
  return NUMBERS.includes(key) && !Number.isNaN(Number(text)) ? Number(text) : text.trim();
}

function SettingsForm({ rig }: { rig: RigStatus }) {
  const status = useStatus();
  const before = formOf(rig);
  const [changed, setChanged] = useState<Form>({});
  const form = { ...before, ...changed };
  const keys = Object.keys(changed).filter((key) => changed[key] !== before[key]);
  const set = (key: string, text: string): void => setChanged({ ...changed, [key]: text });
  const saved = useMutation({
    mutationFn: () => api.updateRig.mutate({ rigId: rig.id, settings: Object.fromEntries(keys.map((key) => [key, valueOf(key, form[key] ?? "")])) }),
    onSuccess: () => setChanged({}),
    onSettled: refreshAll,
  });
  const field = (key: string): { value: string; onChange: (event: { target: { value: string } }) => void } => ({
    value: form[key] ?? "",
    onChange: (event) => set(key, event.target.value),
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        saved.mutate();
      }}
    >
      <div className="fields">
        <label>
          Slots: runs at once
          <input inputMode="numeric" {...field("max_polecats")} />
        </label>
        <label>
          Agent
          <select {...field("agent")}>
            <option value="">{status.default_agent ?? "the home's default"}</option>
            {status.agents.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </label>
        <label>
          A finished branch
          <select {...field("merge")}>
            {MERGE_MODES.map(([mode, words]) => (
              <option key={mode} value={mode}>
                {words}
              </option>
            ))}
          </select>
        </label>
        <label>
          It lands as
          <select {...field("landing")}>
            <option value="squash">one commit</option>
            <option value="merge">a merge commit</option>
          </select>
        </label>
      </div>
      <label>
        Gates: commands that must pass before anything lands, one a line
        <textarea rows={3} spellCheck={false} className="code" {...field("gates")} />
      </label>
      <div className="fields">
        {SECONDS.map(([key, words, usual]) => (
          <label key={key}>
            {words}
            <input inputMode="numeric" placeholder={`${usual} (${duration(usual)})`} {...field(key)} />
          </label>
        ))}
      </div>
      <label>
        Environment variables that agents and gates get from the server, one name a line; values are never shown
        <textarea rows={2} spellCheck={false} className="code" {...field("pass_env")} />
      </label>
      <label>
        Names of polecats, one a line; empty: the town's own
        <textarea rows={2} spellCheck={false} placeholder="Toast, Maple, Birch, …" {...field("names")} />
      </label>
      <label className="check">
        <input type="checkbox" checked={form["agents_may_sling"] === "true"} onChange={(event) => set("agents_may_sling", String(event.target.checked))} /> Beads that agents make start by themselves
      </label>
      {saved.isError && <Refusal error={saved.error} />}
      <div className="buttons">
        <span className="quiet" role="status">
          {keys.length > 0 ? `Not saved: ${keys.map((key) => key.replaceAll("_", " ")).join(", ")}` : saved.isSuccess ? "Saved" : ""}
        </span>
        <button type="button" disabled={keys.length === 0} onClick={() => setChanged({})}>
          Undo
        </button>
        <button type="submit" className="strong" disabled={keys.length === 0 || saved.isPending}>
          Save
        </button>
      </div>
    </form>
  );
}

function Repository({ rig }: { rig: RigStatus }) {
  const navigate = useNavigate();
  const [removing, setRemoving] = useState(false);
  const checked = useMutation({ mutationFn: () => api.checkRig.mutate({ rigId: rig.id }) });
  const pulled = useMutation({ mutationFn: () => api.pullRig.mutate({ rigId: rig.id }) });
  return (
    <section className="list" aria-label="Repository">
      <h2>Repository</h2>
      <div className="actions">
        <button type="button" disabled={checked.isPending} onClick={() => checked.mutate()}>
          {checked.isPending ? "The gates run…" : `Run the gates on ${rig.default_branch}`}
        </button>
        <button type="button" disabled={pulled.isPending} onClick={() => pulled.mutate()}>
          Pull into my checkout
        </button>
        {rig.status === "paused" ? (
          <Do act={() => api.resume.mutate({ rigId: rig.id })}>Resume</Do>
        ) : (
          <Do act={() => api.pause.mutate({ rigId: rig.id })}>Pause</Do>
        )}
        <button type="button" className="danger" onClick={() => setRemoving(true)}>
          Remove this rig
        </button>
      </div>
      {checked.data && (
        <div role="status">
          <p className={checked.data.green ? "why" : "why bad"}>
            {checked.data.green ? "Green" : `Red: ${checked.data.failed ?? "a gate failed"}`} after {duration(checked.data.seconds)}
          </p>
          {checked.data.tail && (
            <pre>
              <Words text={checked.data.tail} />
            </pre>
          )}
        </div>
      )}
      {pulled.data && <p role="status">{pulled.data.message}</p>}
      {(checked.error ?? pulled.error) && <Refusal error={checked.error ?? pulled.error} />}
      {removing && (
        <Ask
          title={`Remove ${rig.name}?`}
          text="Boomtown's clone of it goes. It is refused while there are unfinished beads or branches that have not landed."
          does="Remove"
          danger
          act={async () => {
            await api.deleteRig.mutate({ rigId: rig.id });
            void navigate({ to: "/town" });
          }}
          onClose={() => setRemoving(false)}
        />
      )}
    </section>
  );
}
