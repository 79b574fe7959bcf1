/** The pages and their files, all served by this server. */
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {html} from 'hono/html';
import {packageVersion} from '../../version.ts';
import type {App, AppDeps, Clock} from '../context.ts';
import type {LagHistory} from '../lag-history.ts';
import {mappingView} from '../mapping-view.ts';
import type {ApiDocument} from '../openapi.ts';
import {ProblemError} from '../problem.ts';
import type {Tokens} from '../tokens.ts';
import {ApiPage} from './api-page.tsx';
import {Dashboard} from './page.tsx';

/** A page must open even if the target hangs: what cannot be read in time is loaded later. */
const READ_MS = 2000;
const FIRST_RUNS = 15;
const FIRST_DEAD_LETTERS = 200;

const OWN_ASSETS = [
  'theme.css',
  'frame.css',
  'dashboard.css',
  'tables.css',
  'api-page.css',
  'narrow.css',
  'dashboard.js',
  'live.js',
  'actions.js',
  'charts.js',
  'dom.js',
  'view.js',
  'rows.js',
  'format.js',
  'api-page.js',
  'icon.svg',
] as const;
const TYPES: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};

interface DashboardDeps extends AppDeps {
  readonly clock: Clock;
  readonly history: LagHistory;
  readonly tokens: Tokens;
  readonly document: ApiDocument;
}

export function dashboardRoutes(app: App, deps: DashboardDeps): void {
  const {operations, clock, history, tokens, config, document} = deps;
  const version = packageVersion();
  const mapping = mappingView(config.mapping);
  app.get('/', async c => {
    const [runs, deadLetters] = await Promise.all([
      inTime(operations.runs({limit: FIRST_RUNS, after: null})),
      inTime(operations.deadLetters({limit: FIRST_DEAD_LETTERS, after: null})),
    ]);
    await operations.refresh();
    const status = operations.status();
    const page = (
      <Dashboard
        {...{status, runs, deadLetters, version, mapping}}
        history={history.columns()}
        nowMs={clock.now()}
        maxLagSeconds={config.maxLagSeconds}
        access={c.get('access')}
        session={tokens.required}
        canWrite={tokens.canWrite}
      />
    );
    return c.html(html`<!doctype html>${page}`);
  });
  app.get('/docs', c => {
    const page = <ApiPage document={document} name={config.name} access={c.get('access')} />;
    return c.html(html`<!doctype html>${page}`);
  });
  assetRoutes(app);
}

/** Read once at start: a file that the build forgot is noticed then, and no request reads the disk. */
function assetRoutes(app: App): void {
  const require = createRequire(import.meta.url);
  const files = new Map<string, string>(
    OWN_ASSETS.map(name => [name, readFileSync(new URL(`./assets/${name}`, import.meta.url), 'utf8')]),
  );
  const uplot = require.resolve('uplot/dist/uPlot.iife.min.js');
  files.set('uplot.js', readFileSync(uplot, 'utf8'));
  files.set('uplot.css', readFileSync(uplot.replace('uPlot.iife.min.js', 'uPlot.min.css'), 'utf8'));
  app.get('/assets/:name', c => {
    const name = c.req.param('name');
    const content = files.get(name);
    if (content === undefined) throw new ProblemError(404, 'not-found', 'There is no such file.');
    return c.body(content, 200, {'Content-Type': TYPES[name.split('.').at(-1) ?? ''] ?? 'text/plain'});
  });
}

async function inTime<T>(reading: Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>(resolve => {
    timer = setTimeout(resolve, READ_MS, null);
  });
  try {
    return await Promise.race([reading, late]);
  } catch {
    // The page says that it could not be read; the browser requests it again and gets the reason.
    return null;
  } finally {
    clearTimeout(timer);
  }
}
