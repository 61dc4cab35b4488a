import { useMutation } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";

import { sentenceOf } from "../api/client";
import { refreshAll } from "../live/freshness";
import { Dialog } from "./Dialog";
import { Words } from "./Words";

/** A button that asks the server for something at once, and says in place if it was refused. */
export function Do({ act, children, className, title, label }: { act: () => Promise<unknown>; children: ReactNode; className?: string; title?: string; label?: string }) {
  const asked = useMutation({ mutationFn: act, onSettled: refreshAll });
  return (
    <>
      <button type="button" className={className} title={title} aria-label={label} disabled={asked.isPending} onClick={() => asked.mutate()}>
        {children}
      </button>
      {asked.isError && <Refusal error={asked.error} />}
    </>
  );
}

/** What the server said no with. */
export function Refusal({ error }: { error: unknown }) {
  return (
    <span role="alert" className="refusal">
      <Words text={sentenceOf(error)} />
    </span>
  );
}

interface Question {
  title: string;
  text?: string;
  /** Asks for a text, too; what to call it. */
  asks?: string;
  does: string;
  danger?: boolean;
  act: (text: string) => Promise<unknown>;
  onClose: () => void;
}

/** Asks once more, or for a text, before something is done. */
export function Ask({ title, text, asks, does, danger = false, act, onClose }: Question) {
  const [said, setSaid] = useState("");
  const asked = useMutation({
    mutationFn: () => act(said.trim()),
    onSuccess: onClose,
    onSettled: refreshAll,
  });
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          asked.mutate();
        }}
      >
        {text && (
          <p>
            <Words text={text} />
          </p>
        )}
        {asks && (
          <label>
            {asks}
            <textarea
              autoFocus
              rows={4}
              value={said}
              onChange={(event) => setSaid(event.target.value)}
              onKeyDown={(event) => {
                if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.currentTarget.form?.requestSubmit();
              }}
            />
          </label>
        )}
        {asked.isError && <Refusal error={asked.error} />}
        <div className="buttons">
          <button type="button" onClick={onClose}>
            Never mind
          </button>
          <button type="submit" className={danger ? "danger" : "strong"} autoFocus={!asks} disabled={asked.isPending || (asks !== undefined && said.trim() === "")}>
            {does}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
