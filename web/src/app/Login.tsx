import { useState } from "react";

import { logIn } from "../api/client";
import { queries } from "../live/freshness";
import { useTitle } from "./attention";

/** The way in for whoever has no session. */
export function Login() {
  const [token, setToken] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const [asking, setAsking] = useState(false);
  useTitle("Log in");

  async function submit(): Promise<void> {
    setAsking(true);
    const said = await logIn(token);
    setAsking(false);
    setProblem(said);
    if (said === null) await queries.resetQueries();
  }

  return (
    <main className="login">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <h1>Boomtown</h1>
        <p>
          Logging in takes a link that works once: <code>boomtown up</code> prints one.
        </p>
        <label>
          Or with a token
          <input type="password" autoComplete="current-password" autoFocus spellCheck={false} value={token} onChange={(event) => setToken(event.target.value)} />
        </label>
        {problem !== null && (
          <p role="alert" className="refusal">
            {problem}
          </p>
        )}
        <button type="submit" className="strong" disabled={asking || token.trim() === ""}>
          Log in
        </button>
      </form>
    </main>
  );
}
