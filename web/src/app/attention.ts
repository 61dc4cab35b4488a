import { useEffect, useRef } from "react";

import type { InboxItem } from "../api/router";
import { createStore } from "../live/store";
import { visible } from "../words/visible";
import { remember, remembered } from "./theme";

const KEY = "boomtown.notify";

/** Whether this browser tells of what needs a person while nobody looks. */
export const notifying = createStore(remembered(KEY) === "yes" && "Notification" in window && Notification.permission === "granted");

export async function setNotifying(wanted: boolean): Promise<void> {
  const allowed = wanted && "Notification" in window && (await Notification.requestPermission()) === "granted";
  notifying.set(allowed);
  remember(KEY, allowed ? "yes" : null);
}

/** The page's title; the count of what needs a person stands before it. */
export function useTitle(title: string): void {
  useEffect(() => {
    pageTitle.set(title);
  }, [title]);
}

const pageTitle = createStore("Boomtown");

/** Show in title, icon and notifications how many things need a person. */
export function useAttention(inbox: readonly InboxItem[] | undefined): void {
  const known = useRef<Set<string> | null>(null);
  const need = inbox?.length ?? 0;
  useEffect(() => {
    const show = (): void => {
      const title = pageTitle.get();
      const name = title === "Boomtown" ? title : `${title} · Boomtown`;
      document.title = need > 0 ? `(${need}) ${name}` : name;
    };
    show();
    return pageTitle.subscribe(show);
  }, [need]);
  useEffect(() => drawIcon(need), [need]);
  useEffect(() => {
    if (!inbox) return;
    const before = known.current;
    known.current = new Set(inbox.map(keyOf));
    if (!before || !notifying.get() || !document.hidden) return;
    for (const item of inbox) {
      if (!before.has(keyOf(item))) new Notification(visible(item.title), { body: visible(item.text).slice(0, 200), tag: keyOf(item) });
    }
  }, [inbox]);
}

export function keyOf(item: InboxItem): string {
  return `${item.kind}:${item.bead_id ?? item.merge_id ?? ""}:${item.since}`;
}

function drawIcon(need: number): void {
  const link = document.querySelector<HTMLLinkElement>("link[rel=icon]");
  if (!link) return;
  if (need === 0) {
    link.href = "/favicon.svg";
    return;
  }
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 32;
  const brush = canvas.getContext("2d");
  if (!brush) return;
  brush.fillStyle = "#c2410c";
  brush.beginPath();
  brush.roundRect(0, 0, 32, 32, 7);
  brush.fill();
  brush.fillStyle = "#fff";
  brush.font = "bold 20px system-ui, sans-serif";
  brush.textAlign = "center";
  brush.textBaseline = "middle";
  brush.fillText(need > 99 ? "99" : String(need), 16, 17);
  link.href = canvas.toDataURL("image/png");
}
