/** The bearer token of this browser tab: kept until the tab closes or the user signs out, never longer. */

const STORAGE_KEY = "baggage-graph:token";

/** RFC 6750 section 2.1; people paste the whole header as well. */
const BEARER = /^(?:Bearer\s+)?([A-Za-z0-9._~+/-]+=*)$/i;

export interface Session {
  readonly token: string;
  /** The `role` claim, if the token has one. */
  readonly role: string | null;
  /** Expiry of the token, if it has one. */
  readonly expires: Date | null;
}

/** The stored session; null before sign-in. */
export function currentSession(): Session | null {
  const token = sessionStorage.getItem(STORAGE_KEY);
  return token === null ? null : describe(token);
}

/** Stores a pasted token; null if the text is not a token. */
export function signIn(text: string): Session | null {
  const token = BEARER.exec(text.trim())?.[1];
  if (token === undefined) {
    return null;
  }
  sessionStorage.setItem(STORAGE_KEY, token);
  return describe(token);
}

/** Clears the token and every operation typed in this tab, since these may name passengers. */
export function signOut(): void {
  sessionStorage.clear();
}

/** Signs in with the token of an address like `/graphql#token=...`, and removes it from the address bar. */
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

/** Claims of the token, for display only: the server alone checks the signature. */
function claimsOf(token: string): Record<string, unknown> {
  try {
    const payload = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    return Object(JSON.parse(atob(payload)));
  } catch {
    return {};
  }
}
