import { type GraphiQLPlugin, useGraphiQLActions } from "@graphiql/react";
import {
  createContext,
  Fragment,
  type KeyboardEvent,
  memo,
  useContext,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";
import { callsByLevel, endOf, inOrder, levelOf, type Plan, PlanLog, type Run, type Stage } from "./plan";

/** Further rows are drawn on request only, since each costs the browser some twenty elements. */
const FIRST_STAGES = 100;

export const PlanLogContext = createContext<PlanLog | null>(null);

export const PLAN_PLUGIN: GraphiQLPlugin = { title: "Execution plan", icon: PlanIcon, content: PlanTab };

function PlanIcon() {
  return (
    <svg viewBox="0 0 20 20" fill="none" stroke="currentColor" strokeWidth="2" strokeLinecap="round" aria-hidden="true">
      <path d="M2 4h7M5 8h11M8 12h5M8 16h10" />
    </svg>
  );
}

/** The execution plan of the last run, for administrators. */
function PlanTab() {
  const log = useContext(PlanLogContext);
  if (log === null) {
    throw new Error("The plan tab is outside of PlanLogContext.");
  }
  const { requested, run } = useSyncExternalStore(log.subscribe, log.state);
  const actions = useGraphiQLActions();
  const toggle = useRef<HTMLInputElement>(null);

  const runWithout = () => {
    log.request(false);
    toggle.current?.focus(); // The button disappears and would lose the keyboard focus.
    void actions.run();
  };

  return (
    <section className="plan" aria-label="Execution plan">
      <h2>Execution plan</h2>
      <label className="plan-switch">
        <input
          ref={toggle}
          type="checkbox"
          role="switch"
          checked={requested}
          onChange={(event) => log.request(event.currentTarget.checked)}
        />
        Request the plan with each operation
      </label>
      <p role="status">{headline(run, requested)}</p>
      {run?.outcome.kind === "forbidden" && (
        <button type="button" className="plan-button" onClick={runWithout}>
          Run without the plan
        </button>
      )}
      {run?.outcome.kind === "planned" && <Drawn key={run.at.getTime()} plan={run.outcome.plan} />}
    </section>
  );
}

/** State of the tab in one or two sentences. */
function headline(run: Run | null, requested: boolean): string {
  const next = requested ? "Run an operation to see its plan." : "Switch this on, then run an operation to see its plan.";
  if (run === null) {
    return `No operation has run yet. ${next}`;
  }
  const { operation, at, outcome } = run;
  const which = `${operation ?? "The last operation"}, ${at.toLocaleTimeString()}`;
  switch (outcome.kind) {
    case "planned":
      return `${which}: ${totals(outcome.plan)}.`;
    case "not requested":
      return `${which}: run without its plan. ${next}`;
    case "forbidden":
      return `${which}: not run. Only administrators may request the plan; run it without.`;
    case "failed":
      return `${which}: no plan received. ${outcome.reason}`;
  }
}

function totals({ totalMs, stages, stagesLeftOut, stores }: Plan): string {
  const calls = Object.values(stores).reduce((sum, store) => sum + store.calls, 0);
  return [
    `${milliseconds(totalMs)} in all`,
    counted(stages.length + stagesLeftOut, "stage"),
    counted(calls, "round trip"),
  ].join(", ");
}

function Drawn({ plan }: { readonly plan: Plan }) {
  const [current, setCurrent] = useState<number | null>(null);
  const stages = inOrder(plan);
  return (
    <>
      <Stores plan={plan} />
      <Timeline plan={plan} stages={stages} current={current} onLook={setCurrent} />
      <Details stage={current === null ? undefined : stages[current]} />
    </>
  );
}

function Stores({ plan }: { readonly plan: Plan }) {
  const stores = Object.entries(plan.stores);
  if (stores.length === 0) {
    return <p>No store was called.</p>;
  }
  return (
    <table className="plan-stores">
      <caption className="plan-unseen">Round trips to stores</caption>
      <thead>
        <tr>
          <th scope="col">Store</th>
          <th scope="col">Trips</th>
          <th scope="col">ms</th>
          <th scope="col">By level</th>
        </tr>
      </thead>
      <tbody>
        {stores.map(([store, { calls, ms }]) => (
          <tr key={store}>
            <th scope="row">
              <StoreName name={store} />
            </th>
            <td>{calls.toLocaleString()}</td>
            <td>{decimal(ms)}</td>
            <td>{callsByLevel(plan, store).map(ofLevel).join(", ")}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function ofLevel([level, trips]: readonly [number, number]): string {
  return `L${level}:\u00a0${trips.toLocaleString()}`;
}

function StoreName({ name }: { readonly name: string }) {
  return (
    <span className="plan-store" data-store={name}>
      {name}
    </span>
  );
}

interface TimelineProps {
  readonly plan: Plan;
  readonly stages: readonly Stage[];
  /** Index of the stage under the pointer or with the keyboard focus. */
  readonly current: number | null;
  onLook(index: number): void;
}

function Timeline({ plan, stages, current, onLook }: TimelineProps) {
  const [all, setAll] = useState(false);
  const region = useRef<HTMLDivElement>(null);
  const shown = all ? stages : stages.slice(0, FIRST_STAGES);
  const end = endOf(plan);

  const showAll = () => {
    setAll(true);
    region.current?.focus(); // The button disappears, as above.
  };

  return (
    <>
      <p className="plan-legend" aria-hidden="true">
        <span>0 to {milliseconds(end)}:</span>
        <span>
          <i className="plan-waiting" /> waiting for values
        </span>
        <span>
          <i className="plan-completing" /> completing
        </span>
      </p>
      <div className="plan-stages" ref={region} role="region" aria-label="Stages" tabIndex={-1}>
        {/* The roles are repeated, since a narrow pane lays the rows out as blocks. */}
        <table role="table">
          <caption className="plan-unseen">Stages in order of start</caption>
          <thead role="rowgroup">
            <tr role="row">
              {["Stage", "Level", "Kind", "Parents → rows", "Nulls, errors", "Time", "Store calls"].map((name) => (
                <th key={name} scope="col" role="columnheader">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody role="rowgroup" onKeyDown={moveBetweenStages}>
            {shown.map((stage, index) => (
              <Row key={index} stage={stage} index={index} stop={index === (current ?? 0)} end={end} onLook={onLook} />
            ))}
          </tbody>
        </table>
        {shown.length < stages.length && (
          <button type="button" className="plan-button" onClick={showAll}>
            Show all {stages.length.toLocaleString()} stages
          </button>
        )}
        {plan.stagesLeftOut > 0 && <p>{counted(plan.stagesLeftOut, "stage")} after these not shown.</p>}
      </div>
    </>
  );
}

/** Arrow keys, Home and End. Tab stops at one stage only; otherwise a thousand stages would be a thousand stops. */
function moveBetweenStages(event: KeyboardEvent<HTMLElement>): void {
  const buttons = [...event.currentTarget.querySelectorAll("button")];
  const at = buttons.findIndex((button) => button === document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
  if (to !== undefined) {
    event.preventDefault();
    buttons[to]?.focus();
  }
}

interface RowProps {
  readonly stage: Stage;
  readonly index: number;
  /** Whether Tab stops here. */
  readonly stop: boolean;
  /** Milliseconds of the whole width of a bar's cell. */
  readonly end: number;
  onLook(index: number): void;
}

const Row = memo(function Row({ stage, index, stop, end, onLook }: RowProps) {
  const { path, field, kind, parents, rows, nulls, errors, answeredMs } = stage;
  const look = () => onLook(index);
  return (
    <tr role="row" onMouseEnter={look} data-errors={errors > 0 || undefined}>
      <th scope="row" role="rowheader" style={{ paddingInlineStart: `${Math.min(path.length - 1, 7) * 10 + 6}px` }}>
        <button type="button" tabIndex={stop ? 0 : -1} onFocus={look} onClick={look} aria-describedby="plan-details">
          <span className="plan-above">
            {path.slice(0, -1).map((name, depth) => (
              <Fragment key={depth}>
                {name}.<wbr />
              </Fragment>
            ))}
          </span>
          {path.at(-1)}
        </button>
        <span className="plan-field">{field}</span>
      </th>
      <td role="cell" data-label="level">
        {levelOf(stage)}
      </td>
      <td role="cell">{kind}</td>
      <td role="cell" data-label="rows">
        {parents.toLocaleString()} → {rows.toLocaleString()}
      </td>
      <td role="cell" className="plan-problems">
        {problems(nulls, errors)}
      </td>
      <td role="cell" className="plan-time">
        <div aria-hidden="true">
          <Bar stage={stage} end={end} />
          {milliseconds(answeredMs)}
        </div>
        <span className="plan-unseen">{timingText(stage)}</span>
      </td>
      <td role="cell" className="plan-calls">
        <Calls stage={stage} />
      </td>
    </tr>
  );
});

function Bar({ stage: { startMs, answeredMs, completedMs }, end }: Pick<RowProps, "stage" | "end">) {
  const share = (ms: number) => `${end > 0 ? (100 * ms) / end : 0}%`;
  return (
    <span className="plan-bar">
      <i className="plan-completing" style={{ insetInlineStart: share(startMs), width: share(completedMs) }} />
      <i className="plan-waiting" style={{ insetInlineStart: share(startMs), width: share(answeredMs) }} />
    </span>
  );
}

function Calls({ stage }: { readonly stage: Stage }) {
  if (stage.calls.length === 0) {
    return null;
  }
  return (
    <ul>
      {stage.calls.map(({ store, name, ms }, index) => (
        <li key={index}>
          <StoreName name={store} /> {name} <span className="plan-number">{milliseconds(ms)}</span>
        </li>
      ))}
    </ul>
  );
}

/** Details of the stage under the pointer or with the keyboard focus. */
function Details({ stage }: { readonly stage: Stage | undefined }) {
  return (
    <div id="plan-details" className="plan-details">
      {stage === undefined ? (
        "Point at a stage, or Tab to them and use the arrow keys, for its details."
      ) : (
        <>
          <strong>{stage.path.join(".")}</strong> {stage.field}, {stage.kind}, level {levelOf(stage)}
          <br />
          {counted(stage.parents, "parent")}, {counted(stage.rows, "row")}, {counted(stage.nulls, "null")},{" "}
          {counted(stage.errors, "error")}
          <br />
          {timingText(stage)}
        </>
      )}
    </div>
  );
}

function timingText({ startMs, answeredMs, completedMs }: Stage): string {
  const values = `values after ${milliseconds(answeredMs)}`;
  return `Starts at ${milliseconds(startMs)}, ${values}, complete after ${milliseconds(completedMs)}.`;
}

function problems(nulls: number, errors: number): string {
  return [nulls > 0 && counted(nulls, "null"), errors > 0 && counted(errors, "error")].filter(Boolean).join(", ");
}

function counted(count: number, what: string): string {
  return `${count.toLocaleString()} ${what}${count === 1 ? "" : "s"}`;
}

function milliseconds(ms: number): string {
  return `${decimal(ms)} ms`;
}

function decimal(number: number): string {
  return number.toLocaleString(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
}
