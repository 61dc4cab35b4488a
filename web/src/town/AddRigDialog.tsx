import { useMutation } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { closeOverlay } from "../app/overlays";
import { useStatus } from "../app/where";
import { api } from "../api/client";
import type { MergeMode } from "../api/router";
import { refreshAll } from "../live/freshness";
import { Refusal } from "../ui/asking";
import { Dialog } from "../ui/Dialog";
import { Words } from "../ui/Words";
import { MERGE_MODES } from "../words/settings";

/** Put a repository under management. */
export function AddRigDialog() {
  const status = useStatus();
  const navigate = useNavigate();
  const [url, setUrl] = useState("");
  const [name, setName] = useState("");
  const [gates, setGates] = useState("");
  const [agent, setAgent] = useState("");
  const [merge, setMerge] = useState<MergeMode>("review");
  const guessed = url.trim().replace(/\/+$/, "").replace(/\.git$/, "").split(/[/:]/).at(-1)?.replace(/[^A-Za-z0-9._-]/g, "-") ?? "";
  const added = useMutation({
    mutationFn: () =>
      api.createRig.mutate({
        gitUrl: url.trim(),
        name: name.trim() || guessed,
        gates: gates.split("\n").map((line) => line.trim()).filter(Boolean),
        merge,
        ...(agent ? { agent } : {}),
      }),
    onSuccess: (rig) => {
      if (rig.notes.length > 0) return;
      closeOverlay();
      void navigate({ to: "/rigs/$rig", params: { rig: rig.name } });
    },
    onSettled: refreshAll,
  });
  if (added.data) {
    return (
      <Dialog title={`${added.data.name} is here`} onClose={closeOverlay}>
        {added.data.notes.map((note) => (
          <p key={note}>
            <Words text={note} />
          </p>
        ))}
        <div className="buttons">
          <button type="button" className="strong" autoFocus onClick={() => (closeOverlay(), void navigate({ to: "/rigs/$rig", params: { rig: added.data.name } }))}>
            Open it
          </button>
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog title="Add a rig" onClose={closeOverlay}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          added.mutate();
        }}
      >
        <label>
          Repository
          <input autoFocus required spellCheck={false} placeholder="A path, https://, ssh:// or git@ address" value={url} onChange={(event) => setUrl(event.target.value)} />
        </label>
        <label>
          Name
          <input spellCheck={false} placeholder={guessed} value={name} onChange={(event) => setName(event.target.value)} />
        </label>
        <label>
          Gates: commands that must pass before anything lands, one a line
          <textarea rows={2} spellCheck={false} placeholder="make test" value={gates} onChange={(event) => setGates(event.target.value)} />
        </label>
        <div className="fields">
          <label>
            Landing
            <select value={merge} onChange={(event) => setMerge(event.target.value as MergeMode)}>
              {MERGE_MODES.map(([mode, words]) => (
                <option key={mode} value={mode}>
                  {words}
                </option>
              ))}
            </select>
          </label>
          <label>
            Agent
            <select value={agent} onChange={(event) => setAgent(event.target.value)}>
              <option value="">{status.default_agent ?? "the home's default"}</option>
              {status.agents.map((one) => (
                <option key={one}>{one}</option>
              ))}
            </select>
          </label>
        </div>
        {added.isError && <Refusal error={added.error} />}
        <div className="buttons">
          <button type="button" onClick={closeOverlay}>
            Never mind
          </button>
          <button type="submit" className="strong" disabled={added.isPending || url.trim() === ""}>
            {added.isPending ? "Cloning…" : "Add"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
