import { createStore } from "../live/store";

/** What lies over the page: one thing at most. */
export type Overlay =
  | { kind: "palette" }
  | { kind: "sling"; rigId: string | null }
  | { kind: "keys" }
  | { kind: "rig" }
  | { kind: "stop" | "message"; agentId: string; name: string }
  | { kind: "refused"; error: unknown }
  | null;

export const overlay = createStore<Overlay>(null);

export const openPalette = (): void => overlay.set({ kind: "palette" });
export const openSling = (rigId: string | null): void => overlay.set({ kind: "sling", rigId });
export const openKeys = (): void => overlay.set({ kind: "keys" });
export const openAddRig = (): void => overlay.set({ kind: "rig" });
export const askToStop = (agentId: string, name: string): void => overlay.set({ kind: "stop", agentId, name });
export const askForMessage = (agentId: string, name: string): void => overlay.set({ kind: "message", agentId, name });
export const sayRefused = (error: unknown): void => overlay.set({ kind: "refused", error });
export const closeOverlay = (): void => overlay.set(null);
