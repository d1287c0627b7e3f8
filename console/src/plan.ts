import type { Fetcher } from "@graphiql/toolkit";

/** The answer's `extensions.plan`, made by schema/runtime/tracing.py; times are milliseconds. */
export interface Plan {
  readonly totalMs: number;
  readonly stages: readonly Stage[];
  /** How many stages there were beyond those that are told. */
  readonly stagesLeftOut: number;
  readonly stores: Readonly<Record<string, { readonly calls: number; readonly ms: number }>>;
}

/** One field, asked of all parents at one place. */
export interface Stage {
  /** Response names from the root. */
  readonly path: readonly string[];
  /** `Type.field`. */
  readonly field: string;
  readonly kind: string;
  readonly parents: number;
  readonly rows: number;
  readonly nulls: number;
  readonly errors: number;
  /** Since the run began. */
  readonly startMs: number;
  /** Since the stage began: its values are there. */
  readonly answeredMs: number;
  /** Since the stage began: everything below them is in the answer. */
  readonly completedMs: number;
  readonly calls: readonly { readonly store: string; readonly name: string; readonly ms: number }[];
}

/** What the last run told of its plan. */
export type Outcome =
  | { readonly kind: "planned"; readonly plan: Plan }
  | { readonly kind: "not asked" }
  | { readonly kind: "forbidden" }
  | { readonly kind: "failed"; readonly reason: string };

export interface Run {
  /** The operation's name, where it has one. */
  readonly operation: string | null;
  readonly at: Date;
  readonly outcome: Outcome;
}

interface State {
  readonly asked: boolean;
  readonly run: Run | null;
}

const STORAGE_KEY = "baggage-graph:plan";

/** Whether the plan is asked for, which this browser remembers, and what the last run told. */
export class PlanLog {
  #state: State = { asked: localStorage.getItem(STORAGE_KEY) === "asked", run: null };
  #started = 0;
  readonly #listeners = new Set<() => void>();

  /** For React's `useSyncExternalStore`, as `state` is. */
  readonly subscribe = (listener: () => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly state = () => this.#state;

  /** Asks for the plan from the next run on, or no longer. */
  ask(asked: boolean): void {
    if (asked) {
      localStorage.setItem(STORAGE_KEY, "asked");
    } else {
      localStorage.removeItem(STORAGE_KEY);
    }
    this.#become({ ...this.#state, asked });
  }

  /** A fetcher that asks for the plan where that is wanted, and notes what came; GraphiQL's own question is let be. */
  over(fetcher: Fetcher): Fetcher {
    return async (parameters, options) => {
      if (parameters.operationName === "IntrospectionQuery") {
        return fetcher(parameters, options);
      }
      const { asked } = this.#state;
      const finish = this.#start(parameters.operationName || null);
      try {
        const sent = asked ? { ...parameters, extensions: { plan: true } } : parameters;
        const answer = await fetcher(sent, options);
        finish(outcomeOf(answer, asked));
        return answer;
      } catch (error) {
        finish({ kind: "failed", reason: error instanceof Error ? error.message : String(error) });
        throw error;
      }
    };
  }

  /** Of runs that overtake each other the one started last is noted. */
  #start(operation: string | null): (outcome: Outcome) => void {
    this.#started += 1;
    const number = this.#started;
    return (outcome) => {
      if (number === this.#started) {
        this.#become({ ...this.#state, run: { operation, at: new Date(), outcome } });
      }
    };
  }

  #become(state: State): void {
    this.#state = state;
    for (const listener of this.#listeners) {
      listener();
    }
  }
}

interface Answer {
  readonly errors?: readonly { readonly message?: string; readonly extensions?: { readonly code?: string } }[];
  readonly extensions?: { readonly plan?: Plan };
}

function outcomeOf(answer: Answer, asked: boolean): Outcome {
  const plan = answer.extensions?.plan;
  const errors = answer.errors ?? [];
  if (plan !== undefined) {
    return { kind: "planned", plan };
  }
  if (!asked) {
    return { kind: "not asked" };
  }
  if (errors.some((error) => error.extensions?.code === "FORBIDDEN")) {
    return { kind: "forbidden" };
  }
  return { kind: "failed", reason: errors[0]?.message ?? "The server does not tell plans." };
}

/** The stages in order of start. */
export function inOrder(plan: Plan): readonly Stage[] {
  return plan.stages.toSorted((one, other) => one.startMs - other.startMs);
}

/** How far below the root a stage is; the root's fields are level 1. */
export function levelOf(stage: Stage): number {
  return stage.path.length;
}

/** When the last stage is complete: where the timeline ends. */
export function endOf(plan: Plan): number {
  return plan.stages.reduce((end, { startMs, completedMs }) => Math.max(end, startMs + completedMs), plan.totalMs);
}

/** Round trips to a store by level, nearest to the root first. */
export function callsByLevel(plan: Plan, store: string): readonly (readonly [level: number, calls: number])[] {
  const sums = new Map<number, number>();
  for (const stage of plan.stages) {
    const calls = stage.calls.filter((call) => call.store === store).length;
    if (calls > 0) {
      sums.set(levelOf(stage), (sums.get(levelOf(stage)) ?? 0) + calls);
    }
  }
  return [...sums].toSorted(([one], [other]) => one - other);
}
