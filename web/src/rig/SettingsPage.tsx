import { useMutation } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { useTitle } from "../app/attention";
import { useStatus } from "../app/where";
import { api } from "../api/client";
import type { RigStatus } from "../api/router";
import { refreshAll } from "../live/freshness";
import { Ask, Do, Refusal } from "../ui/asking";
import { Words } from "../ui/Words";
import { duration } from "../words/time";
import { useRig } from "./RigFrame";
import { formOf, SECTIONS, valueOf, type Field, type Form } from "./settings";

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
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        saved.mutate();
      }}
    >
      {SECTIONS.map((section) => (
        <fieldset key={section.title}>
          <legend>{section.title}</legend>
          <p className="quiet">{section.about}</p>
          <div className="fields">
            {section.fields.map((field) => (
              <Setting key={field.key} field={field} text={form[field.key] ?? ""} usualAgent={status.default_agent} agents={status.agents} onChange={(text) => set(field.key, text)} />
            ))}
          </div>
        </fieldset>
      ))}
      <div className="save">
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
      </div>
    </form>
  );
}

interface SettingProps {
  field: Field;
  text: string;
  usualAgent: string | null;
  agents: readonly string[];
  onChange: (text: string) => void;
}

/** One setting, edited as its kind wants. */
function Setting({ field: { label, kind, usual, rows = 3, code = false }, text, usualAgent, agents, onChange }: SettingProps) {
  const changed = (event: { target: { value: string } }): void => onChange(event.target.value);
  if (kind === "flag") {
    return (
      <label className="check wide">
        <input type="checkbox" checked={text === "true"} onChange={(event) => onChange(String(event.target.checked))} /> {label}
      </label>
    );
  }
  if (kind === "list" || kind === "text") {
    return (
      <label className="wide">
        {label}
        <textarea rows={rows} spellCheck={kind === "text"} className={code ? "code" : undefined} placeholder={usual === undefined ? "" : String(usual)} value={text} onChange={changed} />
      </label>
    );
  }
  if (typeof kind === "string" && kind !== "agent") {
    const placeholder = typeof usual === "number" ? `${usual} (${duration(usual)})` : (usual ?? "");
    return (
      <label>
        {label}
        <input inputMode={kind === "line" ? "text" : "numeric"} spellCheck={false} placeholder={placeholder} value={text} onChange={changed} />
      </label>
    );
  }
  const choices = kind === "agent" ? [["", usualAgent ?? "the home's default"] as const, ...agents.map((one) => [one, one] as const)] : kind;
  return (
    <label>
      {label}
      <select value={text} onChange={changed}>
        {choices.map(([value, words]) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </select>
    </label>
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
