import type { Fetcher, FetcherReturnType } from "@graphiql/toolkit";
import { getOperationAST, parse } from "graphql";
import { payloadsOf } from "./events";

/**
 * Sends operations to the address of this page. The headers editor overrides the default headers. Subscriptions arrive
 * as server-sent events.
 */
export function createFetcher(token: string | null): Fetcher {
  return async (parameters, options) => {
    const headers = new Headers({
      Accept: isSubscription(parameters.query, parameters.operationName)
        ? "text/event-stream"
        : "application/graphql-response+json, application/json",
      "Content-Type": "application/json",
    });
    if (token !== null) {
      headers.set("Authorization", `Bearer ${token}`);
    }
    for (const [name, value] of Object.entries(options?.headers ?? {})) {
      headers.set(name, String(value));
    }
    const response = await fetch(location.pathname, { method: "POST", headers, body: JSON.stringify(parameters) });
    if (response.body !== null && response.headers.get("Content-Type")?.startsWith("text/event-stream")) {
      return payloadsOf(response.body) as Awaited<FetcherReturnType>;
    }
    return resultOf(response);
  };
}

/** Parses the text itself: GraphiQL's own facts, the operation's name included, may be older than the last keystroke. */
function isSubscription(text: string, name: string | null | undefined): boolean {
  try {
    const document = parse(text);
    return (getOperationAST(document, name) ?? getOperationAST(document))?.operation === "subscription";
  } catch {
    return false; // The server reports the syntax error.
  }
}

async function resultOf(response: Response): Promise<Awaited<FetcherReturnType>> {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    // For example a proxy's error page, whose markup is of no use here.
    throw new Error(`HTTP ${response.status}: the response is not JSON.`);
  }
}
