import { createTRPCClient, httpBatchLink, httpSubscriptionLink, splitLink, TRPCClientError } from "@trpc/client";
import { observable } from "@trpc/server/observable";
import type { TRPCLink } from "@trpc/client";

import { createStore } from "../live/store";
import type { AppRouter } from "./router";

/** Whether the browser has a session. `unknown` until the first answer. */
export const session = createStore<"unknown" | "in" | "out">("unknown");

/** Milliseconds by which the server's clock is ahead of ours. */
export const clockSkew = createStore(0);

const SKEW_WORTH_MINDING_MS = 2000;

const watchSession: TRPCLink<AppRouter> =
  () =>
  ({ op, next }) =>
    observable((observer) =>
      next(op).subscribe({
        next: (value) => {
          if (op.type !== "subscription") session.set("in");
          observer.next(value);
        },
        error: (error) => {
          if (isUnauthorized(error)) session.set("out");
          observer.error(error);
        },
        complete: () => observer.complete(),
      }),
    );

async function fetchAndSetClock(input: RequestInfo | URL | string, init?: RequestInit): Promise<Response> {
  const response = await fetch(input, init);
  const date = response.headers.get("date");
  if (date) {
    const ahead = Date.parse(date) - Date.now();
    clockSkew.set(Math.abs(ahead) > SKEW_WORTH_MINDING_MS ? ahead : 0);
  }
  return response;
}

const trpc = createTRPCClient<AppRouter>({
  links: [
    watchSession,
    splitLink({
      condition: (op) => op.type === "subscription",
      true: httpSubscriptionLink({ url: "/trpc" }),
      false: httpBatchLink({
        url: "/trpc",
        maxURLLength: 6000,
        maxItems: 32,
        fetch: (url, options) => fetchAndSetClock(url, options as RequestInit),
      }),
    }),
  ],
});

/** The server's procedures. */
export const api = trpc.gastown;

export function isUnauthorized(error: unknown): boolean {
  return codeOf(error) === "UNAUTHORIZED";
}

export function isNotFound(error: unknown): boolean {
  return codeOf(error) === "NOT_FOUND";
}

/** tRPC's code of an error that the server answered; null if it never answered. */
export function codeOf(error: unknown): string | null {
  if (!(error instanceof TRPCClientError)) return null;
  const data: unknown = error.data;
  return typeof data === "object" && data !== null && "code" in data ? String(data.code) : null;
}

/** What to tell a person. The server's sentences name the value and the cure; ours does so for its silence. */
export function sentenceOf(error: unknown): string {
  if (codeOf(error) !== null && error instanceof Error) return error.message;
  if (error instanceof TRPCClientError) return "The server does not answer. Is it running? `boomtown up` starts it.";
  return error instanceof Error ? error.message : String(error);
}

/** Trade a token for a session cookie. Resolves to a sentence if that failed, to null if it worked. */
export async function logIn(token: string): Promise<string | null> {
  let response: Response;
  try {
    response = await fetch("/session", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token }),
    });
  } catch {
    return "The server does not answer. Is it running? `boomtown up` starts it.";
  }
  if (response.ok) {
    session.set("in");
    return null;
  }
  const body: unknown = await response.json().catch(() => null);
  const told = typeof body === "object" && body !== null && "error" in body ? String(body.error) : null;
  return told ?? `The server refused the token (status ${response.status}).`;
}

export async function logOut(): Promise<void> {
  await fetch("/session", { method: "DELETE" });
  session.set("out");
}
