import { type SubmitEvent, useState } from "react";
import { type Session, signIn } from "./session";

interface SignInProps {
  readonly session: Session | null;
  onSignIn(session: Session): void;
  onSignOut(): void;
}

/** Signed-in role, with the form to sign in or out. */
export function SignIn({ session, onSignIn, onSignOut }: SignInProps) {
  const [rejected, setRejected] = useState(false);

  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const entered = signIn(String(new FormData(event.currentTarget).get("token")));
    setRejected(entered === null);
    if (entered !== null) {
      onSignIn(entered);
    }
  };

  return (
    <>
      <p role="status">{session === null ? "Not signed in" : describe(session)}</p>
      {session === null ? (
        <form onSubmit={submit}>
          <label htmlFor="token">Bearer token</label>
          <input
            id="token"
            name="token"
            type="password"
            autoComplete="off"
            spellCheck={false}
            required
            aria-invalid={rejected}
            aria-describedby={rejected ? "token-rejected" : undefined}
          />
          {rejected && (
            <span id="token-rejected" role="alert">
              The text is not a token.
            </span>
          )}
          <button type="submit">Sign in</button>
        </form>
      ) : (
        <button type="button" onClick={onSignOut}>
          Sign out
        </button>
      )}
    </>
  );
}

function describe({ role, expires }: Session): string {
  const who = role === null ? "Signed in" : `Signed in as ${role}`;
  if (expires === null) {
    return who;
  }
  const parts = { year: "numeric", month: "short", day: "numeric", hour: "numeric", minute: "2-digit" } as const;
  const when = expires.toLocaleString(undefined, { ...parts, timeZoneName: "short" });
  return expires.getTime() < Date.now() ? `${who}, expired ${when}` : `${who} until ${when}`;
}
