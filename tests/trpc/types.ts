// What the generated types promise, as the official client sees it. Checked by the compiler, never run.
import { createTRPCClient, httpLink } from "@trpc/client";
import type { AppRouter, Bead, BeadStatus } from "./router";

const client = createTRPCClient<AppRouter>({ links: [httpLink({ url: "http://127.0.0.1" })] }).gastown;

export async function reads(): Promise<BeadStatus> {
  const page = await client.listBeads.query({ rigId: "web", status: "open" });
  const bead: Bead = page.items[0]!;
  const next: string | null = page.nextCursor;
  const whole = await client.getBead.query({ beadId: bead.id });
  const commit: string | null | undefined = whole.merge?.merge_commit;
  await client.listTowns.query();
  await client.getBeadEvents.query();
  void next;
  void commit;
  return bead.status;
}

export async function changes(): Promise<void> {
  const slung = await client.sling.mutate({ rigId: "web", tasks: [{ title: "a", dependsOn: [0, "id"] }] });
  if ("results" in slung) slung.results[0]?.queuePosition?.toFixed();
  await client.sling.mutate({ rigId: "web", title: "a", priority: "high", timeoutS: 1.5 });
  await client.updateRig.mutate({ rigId: "web", settings: { gates: ["make test"], timeout: null, max_polecats: 3 } });
  await client.updateBead.mutate({ beadId: "x", model: null });
}

export function listens(): void {
  client.onStreams.subscribe({ rigId: "web" }, { onData: (item) => item.data.runId.length + item.id.length });
  client.onLive.subscribe(undefined, {
    onData: ({ data }) => (data.type === "event" ? data.event.kind : data.frames.length),
  });
}

export async function mistakes(): Promise<void> {
  // @ts-expect-error a title is needed
  await client.sling.mutate({ rigId: "web" });
  // @ts-expect-error no such status
  await client.listBeads.query({ rigId: "web", status: "done" });
  // @ts-expect-error an input is needed
  await client.getRig.query();
  // @ts-expect-error a query is no mutation
  await client.getRig.mutate({ rigId: "web" });
  // @ts-expect-error no such field
  (await client.getBead.query({ beadId: "x" })).titel;
}
