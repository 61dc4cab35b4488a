import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { remember, remembered } from "../app/theme";
import { api, codeOf } from "../api/client";
import { diffQuery } from "../api/queries";
import type { BeadWithMerge } from "../api/router";
import { refreshAll } from "../live/freshness";
import { Refusal } from "../ui/asking";
import { Trouble } from "../ui/parts";
import { count } from "../words/time";
import { DiffView } from "./DiffView";
import { reworkText } from "./diff";

/** What a bead changes; comments on its lines go back to the agent as rework. */
export function Changes({ bead }: { bead: BeadWithMerge }) {
  const { data, error, refetch, isFetching } = useQuery({ ...diffQuery(bead.id), enabled: bead.branch !== null });
  const review = bead.merge?.status === "approval";
  const comments = useComments(bead.id);
  if (bead.branch === null) return <p className="quiet">No branch yet: the first run makes it.</p>;
  if (!data) return error ? codeOf(error) === "CONFLICT" || codeOf(error) === "NOT_FOUND" ? <p className="quiet">{error.message}</p> : <Trouble error={error} /> : <p className="quiet">Reading the branch…</p>;
  return (
    <>
      {bead.status === "in_progress" && (
        <p className="quiet">
          Work in progress, uncommitted files included.{" "}
          <button type="button" disabled={isFetching} onClick={() => void refetch()}>
            Look again
          </button>
        </p>
      )}
      <DiffView text={data.text} comments={review ? comments : null} />
      {review && comments.all.size > 0 && <SendBack beadId={bead.id} comments={comments.all} onSent={comments.clear} />}
    </>
  );
}

function SendBack({ beadId, comments, onSent }: { beadId: string; comments: ReadonlyMap<string, string>; onSent: () => void }) {
  const [general, setGeneral] = useState("");
  const sent = useMutation({
    mutationFn: () => api.reworkBead.mutate({ beadId, comment: reworkText(comments, general) }),
    onSuccess: onSent,
    onSettled: refreshAll,
  });
  return (
    <form
      className="send-back"
      aria-label="Send back"
      onSubmit={(event) => {
        event.preventDefault();
        sent.mutate();
      }}
    >
      <label>
        Anything else?
        <textarea rows={2} value={general} onChange={(event) => setGeneral(event.target.value)} />
      </label>
      {sent.isError && <Refusal error={sent.error} />}
      <button type="submit" className="strong" disabled={sent.isPending}>
        Send back with {count(comments.size, "comment")}
      </button>
    </form>
  );
}

/** Comments that were not sent yet; they outlive a reload. */
function useComments(beadId: string) {
  const key = `boomtown.comments.${beadId}`;
  const [all, setAll] = useState<ReadonlyMap<string, string>>(() => read(remembered(key)));
  const keep = (next: Map<string, string>): void => {
    setAll(next);
    remember(key, next.size > 0 ? JSON.stringify([...next]) : null);
  };
  return {
    all,
    set: (place: string, text: string | null): void => {
      const next = new Map(all);
      if (text === null) next.delete(place);
      else next.set(place, text);
      keep(next);
    },
    clear: (): void => keep(new Map()),
  };
}

function read(text: string | null): ReadonlyMap<string, string> {
  try {
    return new Map(JSON.parse(text ?? "[]") as [string, string][]);
  } catch {
    return new Map();
  }
}
