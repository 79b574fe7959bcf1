/** The dashboard: what an engineer on call opens at three in the morning. */
import type {FC} from 'hono/jsx';
import type {DeadLetter, Page, Run, Status} from '../../status/operations.ts';
import type {Access} from '../context.ts';
import type {LagColumns} from '../lag-history.ts';
import {isMappingChanged, type TableView} from '../mapping-view.ts';
import {ActionDialog} from './action-dialog.tsx';
import {reasonItems} from './assets/rows.js';
import {announcement, healthOf, shownOf, stateOf, textsOf, tonesOf} from './assets/view.js';
import {Document, Icon, Live, LiveBadge, Tile, Trees} from './elements.tsx';
import {MappingPanel} from './mapping-panel.tsx';
import {Charts, Counts, DeadLetters, Position, Reconcile, Runs, Verification} from './panels.tsx';

export interface DashboardProps {
  readonly status: Status;
  readonly history: LagColumns;
  /** Null if the target did not answer in time; the page says so and retries. */
  readonly runs: Page<Run> | null;
  readonly deadLetters: Page<DeadLetter> | null;
  readonly nowMs: number;
  readonly maxLagSeconds: number;
  readonly access: Access;
  /** A token is in use, so there is a session to end. */
  readonly session: boolean;
  /** A full token is set, so that a reader may send it. */
  readonly canWrite: boolean;
  readonly version: string;
  /** The tables of the mapping in use. */
  readonly mapping: readonly TableView[];
}
export type Texts = Readonly<Record<string, string>>;

export const Dashboard: FC<DashboardProps> = props => {
  const {status} = props;
  const texts = textsOf(props);
  return (
    <Document
      title={`${stateOf(status).label} · ${status.name} · laas-sync`}
      styles={['uplot.css', 'theme.css', 'frame.css', 'dashboard.css', 'tables.css', 'narrow.css']}
      scripts={['uplot.js', 'dashboard.js']}
      class="dashboard"
    >
      <a class="skip" href="#main">
        Skip to the numbers
      </a>
      <Top status={status} />
      <main id="main">
        <Health status={status} texts={texts} />
        <Tiles props={props} texts={texts} />
        <Charts />
        <div class="columns">
          <Counts status={status} texts={texts} tables={props.mapping} />
          <Position texts={texts} />
          <Reconcile status={status} texts={texts} />
        </div>
        <Verification />
        <Runs runs={props.runs} />
        <DeadLetters page={props.deadLetters} nowMs={props.nowMs} />
        <MappingPanel tables={props.mapping} changed={isMappingChanged(status)} />
      </main>
      <Bottom {...props} />
      <aside class="lost" aria-label="Connection">
        <Icon name="bad" />
        <strong id="lost-text" role="alert" />
        <span id="lost-age" />
        <a id="lost-link" href="/" hidden>
          Sign in again
        </a>
      </aside>
      <p id="announce" class="hidden" aria-live="polite">
        {announcement(status)}
      </p>
      <div id="toasts" class="toasts" role="status" />
      <ActionDialog access={props.access} canWrite={props.canWrite} />
      <script type="application/json" id="boot" dangerouslySetInnerHTML={{__html: bootData(props)}} />
    </Document>
  );
};

const Top: FC<{status: Status}> = ({status}) => (
  <header class="top">
    <h1>
      <span class="brand">laas-sync</span>
      <span class="environment">
        <span class="hidden">environment </span>
        {status.name}
      </span>
    </h1>
    <p class="states">
      <LiveBadge name="state" look={stateOf(status)} />
      <span id="live" class="live" data-live="connecting">
        <span class="dot" aria-hidden="true" />
        <span data-label="">connecting</span>
      </span>
    </p>
    <div class="actions" role="group" aria-label="Operations">
      <button type="button" class="primary" data-action="trigger" disabled>
        <Icon name="run" />
        Run reconcile
      </button>
      <button type="button" data-action="verify" disabled>
        <Icon name="search" />
        Verify
      </button>
      <button
        type="button"
        data-action="pause"
        disabled
        data-show="pause"
        hidden={status.replication.state === 'paused'}
      >
        <Icon name="pause" />
        Pause
      </button>
      <button
        type="button"
        data-action="resume"
        disabled
        data-show="resume"
        hidden={status.replication.state !== 'paused'}
      >
        <Icon name="play" />
        Resume
      </button>
    </div>
  </header>
);

const Health: FC<{status: Status; texts: Texts}> = ({status, texts}) => (
  <section class="health" aria-labelledby="health-title" data-tone={healthOf(status).tone} data-tile="health">
    <h2 id="health-title">
      <LiveBadge name="health" look={healthOf(status)} />
    </h2>
    <p>
      <Live name="healthNote" texts={texts} />
    </p>
    <ul data-list="reasons">
      <Trees of={reasonItems(status)} />
    </ul>
    <button
      type="button"
      class="primary"
      data-action="confirm-deletes"
      data-show="confirm-deletes"
      disabled
      hidden={!shownOf(status)['confirm-deletes']}
    >
      <Icon name="warn" />
      Go ahead with the deletes…
    </button>
  </section>
);

const Tiles: FC<{props: DashboardProps; texts: Texts}> = ({props, texts}) => {
  const tones = tonesOf(props.status, props.maxLagSeconds);
  return (
    <dl class="tiles">
      <Tile
        title="Lag"
        name="lag"
        texts={texts}
        {...(tones['lag'] === undefined ? {} : {tone: tones['lag']})}
      />
      <Tile title="Behind" name="behind" texts={texts} />
      <Tile title="Rows applied" name="rate" texts={texts} />
      <Tile title="Last applied" name="applied" texts={texts} />
      <Tile
        title="Dead letters"
        name="deadLetters"
        texts={texts}
        {...(tones['deadLetters'] === undefined ? {} : {tone: tones['deadLetters']})}
      />
      <Tile title="Next reconcile" name="nextRun" texts={texts} />
    </dl>
  );
};

const Bottom: FC<DashboardProps> = ({version, access, session}) => (
  <footer class="bottom">
    <p>
      laas-sync {version} · all times in UTC ·{' '}
      {access === 'full' ? 'you may read and write' : 'you may read; a write asks for the full token'}
    </p>
    <nav aria-label="Further pages">
      <a href="/docs">API</a>
      <a href="/openapi.json">OpenAPI</a>
      <a href="/metrics">Metrics</a>
      {session ? (
        <form method="post" action="/logout">
          <button type="submit" class="link">
            Sign out
          </button>
        </form>
      ) : null}
    </nav>
    <noscript>
      <p>Without JavaScript, the numbers stay as they were when the page was loaded.</p>
    </noscript>
  </footer>
);

/** JSON inside a script element: `<` is escaped, so that no value can end the element. */
function bootData({
  status,
  history,
  runs,
  deadLetters,
  access,
  canWrite,
  maxLagSeconds,
  mapping,
}: DashboardProps): string {
  const data = {
    status,
    history,
    access,
    canWrite,
    maxLagSeconds,
    tables: mapping.map(({table, label}) => ({table, label})),
    nextRuns: runs?.next ?? null,
    complete: runs !== null && deadLetters !== null,
  };
  return JSON.stringify(data).replaceAll('<', '\\u003c');
}
