import { queryOptions, useQuery } from "@tanstack/react-query";

import { api } from "../api/client";
import type { Frame, GateOutput, GateStep, Merge } from "../api/router";
import { streamOf } from "../live/streams";

/** A merge is tested for seconds to minutes; its output is asked for so often while somebody looks. */
const LIVE_EVERY_MS = 700;

/** A gate that never pauses must not keep us reading. */
const MOST_PAGES = 8;

/** How far a merge's log was read, and as which stream it is shown: each time it is tested is one of its own. */
interface Reader {
  stream: string;
  since: number;
  seq: number;
}

const readers = new Map<string, Reader>();

/** What is known of a merge's gates. `stream`: where their output is, for a `StreamView`. */
export interface Gates {
  steps: GateStep[];
  count: number;
  path: string;
  stream: string;
}

/** The gates of a merge, live while it is tested. */
export function useGates(merge: Pick<Merge, "id" | "status">, wanted = true): Gates | undefined {
  const query = queryOptions({
    queryKey: ["gates", merge.id],
    queryFn: () => readOn(merge.id),
    refetchInterval: merge.status === "testing" ? LIVE_EVERY_MS : false,
    enabled: wanted,
  });
  return useQuery(query).data;
}

async function readOn(mergeId: string): Promise<Gates> {
  for (let pages = 1; ; pages += 1) {
    const before = readers.get(mergeId);
    const page = await api.getGateOutput.query({ mergeId, ...(before ? { since: before.since } : {}) });
    const stream = `gates ${mergeId} ${page.steps[0]?.began_at ?? ""}`;
    if (before && before.stream !== stream) {
      readers.delete(mergeId);
      continue;
    }
    const reader = before ?? { stream, since: page.since, seq: 0 };
    readers.set(mergeId, reader);
    reader.since = page.nextSince;
    streamOf(stream).take(framesOf(page, reader));
    if (page.text === "" || pages >= MOST_PAGES) return { steps: page.steps, count: page.gates.length, path: page.path, stream };
  }
}

/** Text as frames of a stream; a line that is not over goes on in the next. */
function framesOf(page: GateOutput, reader: Reader): Frame[] {
  const lines = page.text.split("\n");
  const last = lines.pop() ?? "";
  const frame = (data: string, more: boolean): Frame => {
    reader.seq += 1;
    return { agentId: "", runId: reader.stream, seq: reader.seq, at: page.steps.at(-1)?.began_at ?? "", kind: "stdout", data, ...(more ? { more } : {}) };
  };
  return [...lines.map((line) => frame(line, false)), ...(last === "" ? [] : [frame(last, true)])];
}
