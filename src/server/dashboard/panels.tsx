/** The panels of the dashboard, one for each question. */
import type {FC} from 'hono/jsx';
import type {DeadLetter, Page, Run, Status} from '../../status/operations.ts';
import {codeItems, countRows, deadLetterRows, runRows, type CountedTable} from './assets/rows.js';
import {runStateOf} from './assets/view.js';
import {Head, Icon, Live, LiveBadge, Panel, Scroll, Trees} from './elements.tsx';
import type {Texts} from './page.tsx';

interface PanelProps {
  readonly status: Status;
  readonly texts: Texts;
}

/** How has it been over the last hour? */
export const Charts: FC = () => (
  <div class="charts">
    <Panel id="lag-panel" title="Lag, last hour" aside={<span class="readout" data-readout="lag" />}>
      <div class="chart" data-chart="lag" role="img" aria-label="Lag over the last hour" />
    </Panel>
    <Panel
      id="rate-panel"
      title="Rows applied a second, last hour"
      aside={<span class="readout" data-readout="rate" />}
    >
      <div class="chart" data-chart="rate" role="img" aria-label="Rows applied a second over the last hour" />
    </Panel>
  </div>
);

/** Do both sides hold the same number of rows? */
export const Counts: FC<PanelProps & {tables: readonly CountedTable[]}> = ({status, texts, tables}) => (
  <Panel id="counts" title="Rows by table" aside={<Live name="countedAt" texts={texts} class="note" />}>
    <Scroll label="Rows by table">
      <table>
        <caption class="hidden">Rows of each table on both sides</caption>
        <Head
          columns={[
            ['Table'],
            ['Source', 'number'],
            ['Target', 'number'],
            ['Foreign', 'number wide'],
            ['Compared'],
          ]}
        />
        <tbody data-list="counts">
          <Trees of={countRows(status, tables)} />
        </tbody>
      </table>
    </Scroll>
    <p class="note">
      Source: eligible rows, so that dead letters and what belongs to them make the target fewer. Foreign:
      rows that the source knows nothing of; never touched.
    </p>
  </Panel>
);

/** What is the position in the source's log? */
export const Position: FC<{texts: Texts}> = ({texts}) => (
  <Panel id="position" title="Position" aside={<Live name="positionNote" texts={texts} class="note" />}>
    <dl class="position">
      <dt>Applied</dt>
      <dd>
        <Live name="position" texts={texts} class="mono" />
      </dd>
      <dt>Source</dt>
      <dd>
        <Live name="sourcePosition" texts={texts} class="mono" />
      </dd>
    </dl>
    <dl class="facts">
      <Fact title="Transactions" name="transactionsApplied" texts={texts} />
      <Fact title="Rows" name="rowsApplied" texts={texts} />
      <Fact title="Last event" name="lastEvent" texts={texts} />
      <Fact title="Reconnects" name="reconnects" texts={texts} />
    </dl>
  </Panel>
);

const Fact: FC<{title: string; name: string; texts: Texts}> = ({title, name, texts}) => (
  <div>
    <dt>{title}</dt>
    <dd>
      <Live name={name} texts={texts} />
    </dd>
  </div>
);

/** Is a run active, how far is it, and how did the last one end? */
export const Reconcile: FC<PanelProps> = ({status, texts}) => {
  const running = status.currentRun !== null;
  const look =
    status.lastRun === null
      ? {tone: 'idle' as const, icon: 'idle', label: 'No run yet'}
      : runStateOf(status.lastRun);
  return (
    <Panel id="reconcile" title="Reconcile">
      <div class="run-now">
        <p>
          <Live name="runTitle" texts={texts} class="strong" />
        </p>
        <div data-show="running" hidden={!running}>
          <progress
            aria-label="Run in progress"
            max="1"
            value={String(status.progress?.fraction ?? 0)}
            data-progress=""
          />
          <p class="spread">
            <Live name="runRows" texts={texts} class="note" />
            <Live name="runPercent" texts={texts} class="strong" />
          </p>
        </div>
        <p class="note" data-show="idle" hidden={running}>
          A run compares every row of both sides and repairs what differs.
        </p>
      </div>
      <dl class="facts one">
        <div>
          <dt>Last run</dt>
          <dd>
            <LiveBadge name="lastRun" look={look} />
            <Live name="lastRunNote" texts={texts} class="note" />
          </dd>
        </div>
        <div>
          <dt>Next run</dt>
          <dd>
            <Live name="nextRun" texts={texts} />
          </dd>
        </div>
      </dl>
    </Panel>
  );
};

/** What did the last requested comparison find? Shown once there is one. */
export const Verification: FC = () => (
  <div id="verification" hidden>
    <Panel id="verdict" title="Verification" aside={<span class="note" data-verdict-note="" />}>
      <Scroll label="Verification by table">
        <table>
          <caption class="hidden">What differs between source and target</caption>
          <Head
            columns={[
              ['Table'],
              ['Verdict'],
              ['Compared', 'number'],
              ['Missing', 'number'],
              ['Different', 'number'],
              ['Extra', 'number'],
              ['Sample keys'],
            ]}
          />
          <tbody data-list="verdict" />
        </table>
      </Scroll>
    </Panel>
  </div>
);

/** Which runs were there, how long did they take, what did they find and repair? */
export const Runs: FC<{runs: Page<Run> | null}> = ({runs}) => (
  <Panel id="runs" title="Run history" aside={<span class="note">kept for 90 days</span>}>
    <Scroll label="Run history">
      <table class="runs">
        <caption class="hidden">
          Runs, newest first: when, outcome, duration, and the drift found and repaired
        </caption>
        <Head
          columns={[
            ['Started'],
            ['Outcome'],
            ['Took', 'number wide'],
            ['By', 'wide'],
            ['Mode', 'wide'],
            ['Compared', 'number wide'],
            ['Repaired', 'number'],
            ['Deleted', 'number wide'],
            ['Dead letters', 'number wide'],
          ]}
        />
        <tbody data-list="runs">
          <Trees of={runs === null ? [] : runs.items.flatMap(runRows)} />
        </tbody>
      </table>
    </Scroll>
    <p class="empty" data-empty="runs" hidden={runs !== null && runs.items.length > 0}>
      {runs === null ? 'The run history cannot be read now; retrying.' : 'No run yet.'}
    </p>
    <button type="button" class="more" data-more="runs" hidden={runs?.next == null}>
      Show older runs
    </button>
  </Panel>
);

/** Which rows could not be written, and why? */
export const DeadLetters: FC<{page: Page<DeadLetter> | null; nowMs: number}> = ({page, nowMs}) => (
  <Panel
    id="dead-letters"
    title="Dead letters"
    aside={
      <button type="button" data-action="retry" disabled>
        <Icon name="retry" />
        Retry all
      </button>
    }
  >
    <ul class="codes" data-list="codes" aria-label="Dead letters by code">
      <Trees of={page === null ? [] : codeItems(page.items)} />
    </ul>
    <Scroll label="Dead letters" tall>
      <table>
        <caption class="hidden">Rows that could not be written</caption>
        <Head
          columns={[
            ['Table'],
            ['Key'],
            ['Code'],
            ['Attempts', 'number wide'],
            ['First seen', 'wide'],
            ['Last seen'],
          ]}
        />
        <tbody data-list="dead-letters">
          <Trees of={page === null ? [] : deadLetterRows(page.items, nowMs)} />
        </tbody>
      </table>
    </Scroll>
    <p class="empty" data-empty="dead-letters" hidden={page !== null && page.items.length > 0}>
      {page === null
        ? 'The dead letters cannot be read now; retrying.'
        : 'None: every eligible row could be written.'}
    </p>
    <p class="note" data-more-letters="" hidden={page?.next == null}>
      Only the first are shown; GET /sync/dead-letters has them all.
    </p>
  </Panel>
);
