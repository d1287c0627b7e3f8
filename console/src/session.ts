/** The bearer token of this browser tab: kept until the tab closes or the user signs out, never longer. */

const STORAGE_KEY = "baggage-graph:token";

/** RFC 6750 section 2.1; people paste the whole header as well. */
const BEARER = /^(?:Bearer\s+)?([A-Za-z0-9._~+/-]+=*)$/i;

export interface Session {
  readonly token: string;
  /** The `role` claim, where the token has one. */
  readonly role: string | null;
  /** When the token stops working, where it says so. */
  readonly expires: Date | null;
}

/** The stored session, or null where nobody signed in. */
export function currentSession(): Session | null {
  const token = sessionStorage.getItem(STORAGE_KEY);
  return token === null ? null : describe(token);
}

/** Stores a pasted token; null where the text cannot be one. */
export function signIn(text: string): Session | null {
  const token = BEARER.exec(text.trim())?.[1];
  if (token === undefined) {
    return null;
  }
  sessionStorage.setItem(STORAGE_KEY, token);
  return describe(token);
}

/** Forgets the token, and with it every operation typed in this tab: they may name passengers. */
export function signOut(): void {
  sessionStorage.clear();
}

/** Signs in with the token of an address like `/graphql#token=...`, and takes it out of the address bar. */
export function signInFromAddress(): Session | null {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token === null) {
    return null;
  }
  history.replaceState(null, "", location.pathname + location.search);
  return signIn(token);
}

function describe(token: string): Session {
  const claims = claimsOf(token);
  return {
    token,
    role: typeof claims["role"] === "string" ? claims["role"] : null,
    expires: typeof claims["exp"] === "number" ? new Date(claims["exp"] * 1000) : null,
  };
}

/** What the token says of itself, for display only: the server alone checks the signature. */
function claimsOf(token: string): Record<string, unknown> {
  try {
    const payload = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    return Object(JSON.parse(atob(payload)));
  } catch {
    return {};
  }
}
