import { useQuery } from "@tanstack/react-query";
import { Link, useLocation } from "@tanstack/react-router";
import { useEffect, useRef } from "react";

import { inboxQuery } from "../api/queries";
import { openAddRig } from "./overlays";
import { useRigHere, useStatus } from "./where";

/** Where one can go, and how much is there. */
export function Nav() {
  const status = useStatus();
  const inbox = useQuery(inboxQuery);
  const rig = useRigHere();
  const need = inbox.data?.length ?? 0;
  const exact = { exact: true };
  const nav = useRef<HTMLElement>(null);
  const path = useLocation({ select: (location) => location.pathname });
  useEffect(() => {
    // on a phone it is a strip that scrolls sideways
    const here = [...(nav.current?.querySelectorAll("[aria-current=page]") ?? [])].at(-1);
    here?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [path, rig?.id]);
  return (
    <nav ref={nav} aria-label="Pages">
      <Link to="/inbox">
        <span>Inbox</span> {need > 0 && <span className="need">{need}</span>}
      </Link>
      <Link to="/town">
        <span>Town</span>
      </Link>
      <h3>Rigs</h3>
      {status.rigs.map((one) => (
        <Link key={one.id} to="/rigs/$rig" params={{ rig: one.name }} className={one.id === rig?.id ? "here" : undefined} activeOptions={exact}>
          <span className="clip">{one.name}</span> <span className="n">{one.live || "–"}</span>
        </Link>
      ))}
      <button type="button" className="plain" onClick={openAddRig}>
        Add a rig
      </button>
      {rig && (
        <>
          <h3 className="clip">{rig.name}</h3>
          <Link to="/rigs/$rig" params={{ rig: rig.name }} activeOptions={exact}>
            <span>Wall</span> <span className="n">{rig.live || ""}</span>
          </Link>
          <Link to="/rigs/$rig/board" params={{ rig: rig.name }}>
            <span>Board</span> <span className="n">{rig.queue + rig.in_review + rig.failed + rig.live || ""}</span>
          </Link>
          <Link to="/rigs/$rig/landing" params={{ rig: rig.name }}>
            <span>Landing</span> <span className="n">{rig.merges.length || ""}</span>
          </Link>
          <Link to="/rigs/$rig/events" params={{ rig: rig.name }}>
            <span>Events</span>
          </Link>
          <Link to="/rigs/$rig/settings" params={{ rig: rig.name }}>
            <span>Settings</span>
          </Link>
        </>
      )}
    </nav>
  );
}
