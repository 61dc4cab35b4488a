import { useNavigate } from "@tanstack/react-router";
import { useEffect } from "react";

import { api } from "../api/client";
import { useStore } from "../live/store";
import { SlingDialog } from "../sling/SlingDialog";
import { AddRigDialog } from "../town/AddRigDialog";
import { Ask, Refusal } from "../ui/asking";
import { Dialog } from "../ui/Dialog";
import { useKeys } from "../ui/keys";
import { KeysDialog } from "./KeysDialog";
import { closeOverlay, openKeys, openPalette, openSling, overlay, type Overlay } from "./overlays";
import { Palette } from "./Palette";
import { useReadsOnly, useRigHere, useStatus } from "./where";

/** Dialogs over the page, and the keys that work on every page. */
export function Overlays() {
  const open = useStore(overlay);
  const navigate = useNavigate();
  const rig = useRigHere();
  const status = useStatus();
  const readsOnly = useReadsOnly();
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        if (overlay.get()?.kind === "palette") closeOverlay();
        else openPalette();
      }
    };
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  }, []);
  useKeys({
    n: () => !readsOnly && status.rigs.length > 0 && openSling(rig?.id ?? status.rigs[0]?.id ?? null),
    i: () => void navigate({ to: "/inbox" }),
    t: () => void navigate({ to: "/town" }),
    w: () => rig && void navigate({ to: "/rigs/$rig", params: { rig: rig.name } }),
    b: () => rig && void navigate({ to: "/rigs/$rig/board", params: { rig: rig.name } }),
    l: () => rig && void navigate({ to: "/rigs/$rig/landing", params: { rig: rig.name } }),
    e: () => rig && void navigate({ to: "/rigs/$rig/events", params: { rig: rig.name } }),
    g: () => rig && void navigate({ to: "/rigs/$rig/settings", params: { rig: rig.name } }),
    "?": openKeys,
  });
  return open && <One open={open} />;
}

function One({ open }: { open: NonNullable<Overlay> }) {
  switch (open.kind) {
    case "palette":
      return <Palette />;
    case "sling":
      return <SlingDialog rigId={open.rigId} onClose={closeOverlay} />;
    case "keys":
      return <KeysDialog />;
    case "rig":
      return <AddRigDialog />;
    case "refused":
      return (
        <Dialog title="That was refused" onClose={closeOverlay}>
          <Refusal error={open.error} />
          <div className="buttons">
            <button type="button" className="strong" autoFocus onClick={closeOverlay}>
              Close
            </button>
          </div>
        </Dialog>
      );
    case "stop":
      return (
        <Ask
          title={`Stop ${open.name}?`}
          text="Its work is kept on its branch, and its bead is held until you start it again."
          does="Stop"
          danger
          act={() => api.stopAgent.mutate({ agentId: open.agentId })}
          onClose={closeOverlay}
        />
      );
    case "message":
      return (
        <Ask
          title={`Message to ${open.name}`}
          asks="What should it know?"
          does="Send"
          act={(message) => api.sendMessage.mutate({ agentId: open.agentId, message })}
          onClose={closeOverlay}
        />
      );
  }
}
