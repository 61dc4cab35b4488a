// Drives the official @trpc/client from a program on stdin and prints what it saw as one JSON document.
//
// {"url", "token"?, "link": "http" | "batch" | "stream", "calls": [{"kind", "path", "input"?}]}
//   → {"answers": [{"data"} | {"error"}], "requests": [{"method", "status", "type"}], "order": [index, …]}
// {"url", "token"?, "subscribe": {"path", "input"?, "take"?}}
//   → {"events": […], "states": […], "error"?, "completed"}
import { readFileSync } from "node:fs";
import {
  createTRPCUntypedClient,
  httpBatchLink,
  httpBatchStreamLink,
  httpLink,
  httpSubscriptionLink,
} from "@trpc/client";
import { EventSource } from "eventsource";

const program = JSON.parse(readFileSync(0, "utf8"));
const headers = program.token ? { authorization: `Bearer ${program.token}` } : {};
const told = (error) => ({ message: error.message, shape: error.shape ?? null });

async function call() {
  const requests = [];
  const watched = async (url, init) => {
    const response = await fetch(url, init);
    requests.push({
      method: init.method,
      status: response.status,
      type: response.headers.get("content-type"),
    });
    return response;
  };
  const make = { http: httpLink, batch: httpBatchLink, stream: httpBatchStreamLink }[program.link];
  const client = createTRPCUntypedClient({ links: [make({ url: program.url, headers, fetch: watched })] });
  const order = [];
  const answers = await Promise.all(
    program.calls.map(async ({ kind, path, input }, index) => {
      try {
        return { data: await client[kind](path, input) };
      } catch (error) {
        return { error: told(error) };
      } finally {
        order.push(index);
      }
    }),
  );
  return { answers, requests, order };
}

function subscribe() {
  const { path, input, take } = program.subscribe;
  const authorized = (url, init) => fetch(url, { ...init, headers: { ...init.headers, ...headers } });
  const link = httpSubscriptionLink({
    url: program.url,
    EventSource,
    eventSourceOptions: { fetch: authorized },
  });
  const client = createTRPCUntypedClient({ links: [link] });
  const seen = { events: [], states: [], error: null, completed: false };
  return new Promise((resolve) => {
    const subscription = client.subscription(path, input, {
      onConnectionStateChange: ({ state }) => seen.states.push(state),
      onData(event) {
        seen.events.push(event);
        if (seen.events.length === take) {
          subscription.unsubscribe();
          resolve(seen);
        }
      },
      onError(error) {
        seen.error = told(error);
        resolve(seen);
      },
      onComplete() {
        seen.completed = true;
        resolve(seen);
      },
    });
  });
}

process.stdout.write(JSON.stringify(program.subscribe ? await subscribe() : await call()));
process.exit(0);
