import { useQuery } from "@tanstack/react-query";
import { Outlet } from "@tanstack/react-router";

import { session } from "../api/client";
import { inboxQuery, statusQuery } from "../api/queries";
import { useConnection } from "../live/connection";
import { useStore } from "../live/store";
import { useAttention } from "./attention";
import { Header } from "./Header";
import { Login } from "./Login";
import { Nav } from "./Nav";
import { Overlays } from "./Overlays";

const ASK_AGAIN_MS = 3_000;

/** Everything: the login, or the pages in their frame. */
export function App() {
  const state = useStore(session);
  const status = useQuery({ ...statusQuery, refetchInterval: (query) => (query.state.status === "error" ? ASK_AGAIN_MS : false) });
  if (state === "out") return <Login />;
  if (!status.data) return status.isError ? <NoAnswer /> : null;
  return <Inside />;
}

function Inside() {
  const inbox = useQuery(inboxQuery);
  useConnection();
  useAttention(inbox.data);
  return (
    <div className="frame">
      <a className="skip" href="#page">
        To the page
      </a>
      <Header />
      <Nav />
      <main id="page" tabIndex={-1}>
        <Outlet />
      </main>
      <Overlays />
    </div>
  );
}

function NoAnswer() {
  return (
    <main className="login">
      <div role="alert">
        <h1>Boomtown</h1>
        <p>
          The server does not answer. <code>boomtown up</code> starts it; this page goes on by itself.
        </p>
      </div>
    </main>
  );
}
