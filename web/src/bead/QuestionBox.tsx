import { useMutation } from "@tanstack/react-query";
import { useState } from "react";

import { api } from "../api/client";
import type { Question } from "../api/router";
import { refreshAll } from "../live/freshness";
import { Refusal } from "../ui/asking";
import { Words } from "../ui/Words";
import { visible } from "../words/visible";

/** What an agent asks, with a way to answer. `agentId`: the polecat, or its bead. */
export function QuestionBox({ agentId, question }: { agentId: string; question: Question }) {
  const [text, setText] = useState("");
  const answered = useMutation({
    mutationFn: (answer: string) => api.answerAgent.mutate({ agentId, answer }),
    onSuccess: () => setText(""),
    onSettled: refreshAll,
  });
  return (
    <form
      className="question"
      aria-label="Question"
      onSubmit={(event) => {
        event.preventDefault();
        answered.mutate(text.trim());
      }}
    >
      <p className="need">
        <Words text={question.text} />
      </p>
      <div className="actions">
        {question.options.map((option) => (
          <button key={option} type="button" disabled={answered.isPending} onClick={() => answered.mutate(option)}>
            {visible(option)}
          </button>
        ))}
        <input aria-label="Your answer" placeholder="Your answer" value={text} onChange={(event) => setText(event.target.value)} />
        <button type="submit" className="strong" disabled={answered.isPending || text.trim() === ""}>
          Answer
        </button>
      </div>
      {answered.isError && <Refusal error={answered.error} />}
    </form>
  );
}
