import type { Fetcher } from "@graphiql/toolkit";

/** `extensions.plan` of the response, made by schema/runtime/tracing.py; times are milliseconds. */
export interface Plan {
  readonly totalMs: number;
  readonly stages: readonly Stage[];
  /** Number of stages beyond those in `stages`. */
  readonly stagesLeftOut: number;
  readonly stores: Readonly<Record<string, { readonly calls: number; readonly ms: number }>>;
}

/** One field, resolved for all parents at one place. */
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
  /** Since the stage began: its values are available. */
  readonly answeredMs: number;
  /** Since the stage began: everything below is completed. */
  readonly completedMs: number;
  readonly calls: readonly { readonly store: string; readonly name: string; readonly ms: number }[];
}

/** Outcome of the last run with regard to its plan. */
export type Outcome =
  | { readonly kind: "planned"; readonly plan: Plan }
  | { readonly kind: "not requested" }
  | { readonly kind: "forbidden" }
  | { readonly kind: "failed"; readonly reason: string };

export interface Run {
  /** Name of the operation, if it has one. */
  readonly operation: string | null;
  readonly at: Date;
  readonly outcome: Outcome;
}

interface State {
  readonly requested: boolean;
  readonly run: Run | null;
}

const STORAGE_KEY = "baggage-graph:plan";

/** Whether the plan is requested, which this browser stores, and the outcome of the last run. */
export class PlanLog {
  #state: State = { requested: localStorage.getItem(STORAGE_KEY) === "requested", run: null };
  #started = 0;
  readonly #listeners = new Set<() => void>();

  /** For React's `useSyncExternalStore`, as `state` is. */
  readonly subscribe = (listener: () => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly state = () => this.#state;

  /** Requests the plan from the next run on, or no longer. */
  request(requested: boolean): void {
    if (requested) {
      localStorage.setItem(STORAGE_KEY, "requested");
    } else {
      localStorage.removeItem(STORAGE_KEY);
    }
    this.#update({ ...this.#state, requested });
  }

  /** A fetcher that requests the plan if wanted and records the outcome; GraphiQL's introspection passes unchanged. */
  over(fetcher: Fetcher): Fetcher {
    return async (parameters, options) => {
      if (parameters.operationName === "IntrospectionQuery") {
        return fetcher(parameters, options);
      }
      const { requested } = this.#state;
      const finish = this.#start(parameters.operationName || null);
      try {
        const sent = requested ? { ...parameters, extensions: { plan: true } } : parameters;
        const result = await fetcher(sent, options);
        finish(outcomeOf(result, requested));
        return result;
      } catch (error) {
        finish({ kind: "failed", reason: error instanceof Error ? error.message : String(error) });
        throw error;
      }
    };
  }

  /** Of runs that overtake each other, the one started last is recorded. */
  #start(operation: string | null): (outcome: Outcome) => void {
    this.#started += 1;
    const number = this.#started;
    return (outcome) => {
      if (number === this.#started) {
        this.#update({ ...this.#state, run: { operation, at: new Date(), outcome } });
      }
    };
  }

  #update(state: State): void {
    this.#state = state;
    for (const listener of this.#listeners) {
      listener();
    }
  }
}

interface GraphQLResult {
  readonly errors?: readonly { readonly message?: string; readonly extensions?: { readonly code?: string } }[];
  readonly extensions?: { readonly plan?: Plan };
}

function outcomeOf(result: GraphQLResult, requested: boolean): Outcome {
  const plan = result.extensions?.plan;
  const errors = result.errors ?? [];
  if (plan !== undefined) {
    return { kind: "planned", plan };
  }
  if (!requested) {
    return { kind: "not requested" };
  }
  if (errors.some((error) => error.extensions?.code === "FORBIDDEN")) {
    return { kind: "forbidden" };
  }
  return { kind: "failed", reason: errors[0]?.message ?? "The server returned no plan." };
}

/** The stages in order of start. */
export function inOrder(plan: Plan): readonly Stage[] {
  return plan.stages.toSorted((one, other) => one.startMs - other.startMs);
}

/** Depth of a stage below the root; the root's fields are level 1. */
export function levelOf(stage: Stage): number {
  return stage.path.length;
}

/** Completion time of the last stage, where the timeline ends. */
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
