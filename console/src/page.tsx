import { HISTORY_PLUGIN } from "@graphiql/plugin-history";
import { useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { GraphiQL } from "graphiql";
import { useEffect, useMemo, useState } from "react";
import { EXAMPLES } from "./examples";
import { createFetcher } from "./fetcher";
import { PlanLog } from "./plan";
import { PLAN_PLUGIN, PlanLogContext } from "./plan_tab";
import { currentSession, type Session, signInFromAddress, signOut } from "./session";
import { SignIn } from "./sign_in";

const TABS = EXAMPLES.map((query) => ({ query }));
const PLUGINS = [HISTORY_PLUGIN, PLAN_PLUGIN];

/** The whole page: a sign-in above GraphiQL. */
export function Page() {
  const [session, setSession] = useState<Session | null>(() => signInFromAddress() ?? currentSession());
  const [planLog] = useState(() => new PlanLog());
  // A new fetcher makes GraphiQL load the schema again, which may differ by role.
  const token = session?.token ?? null;
  const fetcher = useMemo(() => planLog.over(createFetcher(token)), [planLog, token]);

  useEffect(() => {
    const follow = () => setSession((present) => signInFromAddress() ?? present);
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);

  const leave = () => {
    signOut();
    location.reload(); // Also clears responses on the screen.
  };

  return (
    <>
      <header className="page-header">
        <h1>Baggage graph</h1>
        <p className="page-hint">
          <kbd>Ctrl</kbd>+<kbd>Enter</kbd> runs; <kbd>Ctrl</kbd>+<kbd>M</kbd>, then <kbd>Tab</kbd>, leaves an editor.
        </p>
        <SignIn session={session} onSignIn={setSession} onSignOut={leave} />
      </header>
      <main>
        <PlanLogContext value={planLog}>
          <GraphiQL
            fetcher={fetcher}
            defaultTabs={TABS}
            plugins={PLUGINS}
            // Typed operations may name passengers: on a shared desk they end with the tab.
            storage={sessionStorage}
            shouldPersistHeaders={false}
            inputValueDeprecation
            schemaDescription
          >
            <GraphiQL.Logo>{null}</GraphiQL.Logo>
            <FollowSystemColours />
          </GraphiQL>
        </PlanLogContext>
      </main>
    </>
  );
}

/** Repaints GraphiQL's editors when the system's colour scheme changes, since they read it only once. */
function FollowSystemColours() {
  const { setTheme } = useGraphiQLActions();
  const chosen = useGraphiQL((state) => state.theme);

  useEffect(() => {
    if (chosen !== null) {
      return;
    }
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const repaint = () => setTheme(null);
    dark.addEventListener("change", repaint);
    return () => dark.removeEventListener("change", repaint);
  }, [chosen, setTheme]);

  return null;
}
