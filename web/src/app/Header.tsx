import { Link } from "@tanstack/react-router";

import { liveState } from "../live/connection";
import { useStore } from "../live/store";
import { Do } from "../ui/asking";
import { api } from "../api/client";
import { Slots } from "../ui/parts";
import { dailyOf } from "../words/budgets";
import { costWords, usageWords } from "../words/sentences";
import { openPalette, openSling } from "./overlays";
import { useReadsOnly, useRigHere, useStatus } from "./where";

const COMMAND = /mac|iphone|ipad/i.test(navigator.userAgent) ? "⌘K" : "Ctrl K";

/** What is true of the rig that is shown, or of the town, on every page. */
export function Header() {
  const status = useStatus();
  const rig = useRigHere();
  const state = useStore(liveState);
  const readsOnly = useReadsOnly();
  const today = (rig ?? status).usage_today;
  const daily = dailyOf(status, rig);
  const paused = status.paused || rig?.status === "paused";
  return (
    <header>
      <Link to="/town" className="home">
        Boomtown
      </Link>
      {rig && (
        <Link to="/rigs/$rig" params={{ rig: rig.name }} className="crumb">
          {rig.name}
        </Link>
      )}
      <span className="space" />
      <span role="status" className="state">
        {state === "lost" && <span className="lost">Connection lost, trying again</span>}
        {status.breaker_open && !paused && <span className="lost">Dispatch stopped: too many failures</span>}
        {!status.container.attached && <span className="lost">Container not attached</span>}
      </span>
      {paused && (
        <span className="stat">
          <span className="lost">Paused</span>
          <Do act={() => api.resume.mutate(status.paused || !rig ? {} : { rigId: rig.id })}>Resume</Do>
        </span>
      )}
      <span className="stat" title="Live runs and how many there may be">
        <span className={rig ? "opt" : undefined}>{rig ?? status.max_agents ? "slots" : "live"}</span> {rig ? <Slots live={rig.live} cap={rig.max_polecats} /> : <strong>{status.max_agents ? `${status.live} of ${status.max_agents}` : status.live}</strong>}
      </span>
      <span className="stat opt">
        waiting <strong>{rig ? rig.queue : status.rigs.reduce((sum, one) => sum + one.queue, 0)}</strong>
      </span>
      <span className="stat opt">
        landing <strong>{(rig ? [rig] : status.rigs).reduce((sum, one) => sum + one.merges.filter((merge) => merge.status !== "approval").length, 0)}</strong>
      </span>
      {today?.cost_usd != null && (
        <span className="stat opt" title={`Since midnight: ${usageWords(today)}`}>
          today <strong>{costWords(today.cost_usd)}</strong>
          {daily && `of ${costWords(daily.limit)}`}
        </span>
      )}
      <span className="stat opt" title={status.sandbox_note}>
        {status.sandbox === "none" ? "no sandbox" : status.sandbox}
      </span>
      <button type="button" className="find" onClick={openPalette} aria-keyshortcuts="Control+K Meta+K">
        <span className="opt">Find or do… </span>
        <span className="narrow">Find</span>
        <kbd>{COMMAND}</kbd>
      </button>
      {readsOnly && <span className="stat">you only read</span>}
      <button type="button" className="strong" disabled={readsOnly || status.rigs.length === 0} onClick={() => openSling(rig?.id ?? status.rigs[0]?.id ?? null)}>
        Sling<span className="opt"> beads</span>
      </button>
    </header>
  );
}
