import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useId, useMemo, useRef, useState, type KeyboardEvent } from "react";

import { api, logOut } from "../api/client";
import { beadQuery } from "../api/queries";
import { actsOf } from "../board/acts";
import { useStore } from "../live/store";
import { refreshAll } from "../live/freshness";
import { Dialog } from "../ui/Dialog";
import { visible } from "../words/visible";
import { notifying, setNotifying } from "./attention";
import { askForMessage, askToStop, closeOverlay, openAddRig, openKeys, openSling, sayRefused } from "./overlays";
import { setTheme, theme } from "./theme";
import { useRigHere, useStatus } from "./where";

interface Command {
  words: string;
  hint: string;
  act: () => unknown;
}

const SHOWN = 40;

/** Everything by name: pages, rigs, beads, polecats, and what can be done with them. */
export function Palette() {
  const commands = useCommands();
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const list = useRef<HTMLUListElement>(null);
  const id = useId();
  const found = useMemo(() => matching(commands, text), [commands, text]);
  const chosen = Math.min(at, found.length - 1);
  const run = (command: Command | undefined): void => {
    if (!command) return;
    closeOverlay();
    Promise.resolve(command.act()).catch(sayRefused);
  };
  const pressed = (event: KeyboardEvent): void => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step !== 0 && found.length > 0) {
      event.preventDefault();
      const next = (chosen + step + found.length) % found.length;
      setAt(next);
      list.current?.children[next]?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter") {
      event.preventDefault();
      run(found[chosen]);
    }
  };
  return (
    <Dialog title="Find or do" onClose={closeOverlay}>
      <input
        autoFocus
        role="combobox"
        aria-expanded="true"
        aria-controls={id}
        aria-activedescendant={found.length > 0 ? `${id}-${chosen}` : undefined}
        aria-label="Find or do"
        placeholder="A page, a bead, a polecat, an action"
        spellCheck={false}
        value={text}
        onChange={(event) => (setText(event.target.value), setAt(0))}
        onKeyDown={pressed}
      />
      <ul ref={list} id={id} role="listbox" aria-label="Found" className="found">
        {found.map((command, index) => (
          // The combobox has the keys; a click is the same.
          <li
            key={`${command.words} ${command.hint} ${index}`}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === chosen}
            onMouseDown={(event) => {
              event.preventDefault();
              run(command);
            }}
          >
            <bdi className="clip">{command.words}</bdi> <span className="n">{command.hint}</span>
          </li>
        ))}
      </ul>
      {found.length === 0 && <p className="quiet">Nothing is called “{text}”.</p>}
    </Dialog>
  );
}

/** Commands that have all the words, those that begin with them first. */
function matching(commands: readonly Command[], text: string): Command[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const all = commands.filter((command) => words.every((word) => `${command.words} ${command.hint}`.toLowerCase().includes(word)));
  const first = words[0] ?? "";
  const begins = (command: Command): number => (command.words.toLowerCase().startsWith(first) ? 0 : 1);
  return all.sort((a, b) => begins(a) - begins(b)).slice(0, SHOWN);
}

function useCommands(): Command[] {
  const status = useStatus();
  const rig = useRigHere();
  const navigate = useNavigate();
  const look = useStore(theme);
  const tells = useStore(notifying);
  const agents = useQuery({ queryKey: ["palette", "agents"], queryFn: () => api.listAgents.query({}), staleTime: 0 });
  const beads = useQuery({
    queryKey: ["palette", "beads", status.rigs.map((one) => one.id)],
    queryFn: () => Promise.all(status.rigs.map((one) => api.listBeads.query({ rigId: one.id, limit: 300, newest: true }))),
    staleTime: 0,
  });
  const params = useParams({ strict: false });
  const { data: bead } = useQuery({ ...beadQuery(params.bead ?? ""), enabled: params.bead !== undefined });
  const doable = bead ? actsOf(bead, bead.merge).filter((act) => act.sure === undefined) : [];
  const withBead = doable.map((act): Command => ({ words: `${act.name[0]?.toUpperCase()}${act.name.slice(1)} this bead`, hint: "do", act: () => act.act().finally(refreshAll) }));
  const pages: Command[] = [
    { words: "Inbox", hint: "page", act: () => navigate({ to: "/inbox" }) },
    { words: "Town", hint: "page", act: () => navigate({ to: "/town" }) },
  ];
  const names = new Map(status.rigs.map((one) => [one.id, one.name]));
  for (const one of status.rigs) {
    const to = { rig: one.name };
    pages.push(
      { words: `${one.name}: wall`, hint: "rig", act: () => navigate({ to: "/rigs/$rig", params: to }) },
      { words: `${one.name}: board`, hint: "rig", act: () => navigate({ to: "/rigs/$rig/board", params: to }) },
      { words: `${one.name}: landing`, hint: "rig", act: () => navigate({ to: "/rigs/$rig/landing", params: to }) },
      { words: `${one.name}: events`, hint: "rig", act: () => navigate({ to: "/rigs/$rig/events", params: to }) },
      { words: `${one.name}: settings`, hint: "rig", act: () => navigate({ to: "/rigs/$rig/settings", params: to }) },
      { words: `Sling beads at ${one.name}`, hint: "do", act: () => openSling(one.id) },
      one.status === "paused"
        ? { words: `Resume ${one.name}`, hint: "do", act: () => api.resume.mutate({ rigId: one.id }).finally(refreshAll) }
        : { words: `Pause ${one.name}`, hint: "do", act: () => api.pause.mutate({ rigId: one.id }).finally(refreshAll) },
    );
  }
  const workers = (agents.data ?? []).flatMap((agent): Command[] => {
    const open: Command = { words: agent.name, hint: `polecat of ${names.get(agent.rig_id) ?? ""}`, act: () => navigate({ to: "/polecats/$agent", params: { agent: agent.id } }) };
    if (agent.run === null) return [open];
    return [
      open,
      { words: `Message ${agent.name}`, hint: "do", act: () => askForMessage(agent.id, agent.name) },
      { words: `Stop ${agent.name}`, hint: "do", act: () => askToStop(agent.id, agent.name) },
    ];
  });
  const found = (beads.data ?? []).flatMap((page) =>
    page.items.map((bead): Command => ({ words: visible(bead.title), hint: `bead, ${bead.status.replace("_", " ")}`, act: () => navigate({ to: "/beads/$bead", params: { bead: bead.id } }) })),
  );
  const home: Command[] = [
    { words: "Add a rig", hint: "do", act: openAddRig },
    status.paused
      ? { words: "Resume the whole home", hint: "do", act: () => api.resume.mutate({}).finally(refreshAll) }
      : { words: "Pause the whole home", hint: "do", act: () => api.pause.mutate({}).finally(refreshAll) },
    ...(["light", "dark", "system"] as const).filter((one) => one !== look).map((one) => ({ words: `Theme: ${one}`, hint: "look", act: () => setTheme(one) })),
    { words: tells ? "Stop notifications" : "Notify me when something needs me", hint: "look", act: () => void setNotifying(!tells) },
    { words: "Keys", hint: "?", act: openKeys },
    { words: "API and its documents", hint: "page", act: () => window.location.assign("/docs") },
    { words: "Log out", hint: "do", act: () => void logOut() },
  ];
  const here = rig ? pages.filter((page) => page.words.includes(rig.name)) : [];
  return [...withBead, ...here, ...pages.filter((page) => !here.includes(page)), ...workers, ...found, ...home];
}
