import type { Fetcher, FetcherReturnType } from "@graphiql/toolkit";

/** Sends operations to the address of this page; the headers editor can override what is sent with them. */
export function createFetcher(token: string | null): Fetcher {
  return async (parameters, options) => {
    const headers = new Headers({
      Accept: "application/graphql-response+json, application/json",
      "Content-Type": "application/json",
    });
    if (token !== null) {
      headers.set("Authorization", `Bearer ${token}`);
    }
    for (const [name, value] of Object.entries(options?.headers ?? {})) {
      headers.set(name, String(value));
    }
    const response = await fetch(location.pathname, { method: "POST", headers, body: JSON.stringify(parameters) });
    return answerOf(response);
  };
}

async function answerOf(response: Response): Promise<Awaited<FetcherReturnType>> {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    // A proxy's error page, say: its markup would help nobody here.
    throw new Error(`HTTP ${response.status}: the answer is not JSON.`);
  }
}
