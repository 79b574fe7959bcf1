/**
 * The lists of the page as plain trees of elements. The server writes them as HTML, the browser creates nodes
 * from them; neither ever builds markup from text, so that no value can become markup.
 */
import * as f from './format.js';
import {runStateOf} from './view.js';

function el(tag, attrs = {}, ...children) {
  return {tag, attrs, children: children.flat()};
}

function icon(name) {
  return el('span', {class: 'icon', 'data-icon': name, 'aria-hidden': 'true'});
}

function badge({tone, icon: name, label}) {
  return el('span', {class: 'badge', 'data-tone': tone}, icon(name), el('span', {class: 'label'}, label));
}

const number = (text, extra = '') => el('td', {class: `number ${extra}`.trim()}, text);

/** On a narrow screen, without the year and the seconds. */
function when(iso) {
  const wide = text => el('span', {class: 'wide'}, text);
  const text = f.moment(iso);
  return el(
    'time',
    {datetime: iso, title: text},
    wide(text.slice(0, 5)),
    text.slice(5, 16),
    wide(text.slice(16)),
  );
}

/** Text between backticks is shown as code. */
const withCode = text => text.split('`').map((part, i) => (i % 2 === 1 ? el('code', {}, part) : part));

/** The reasons for bad health, what to do about them, and then other information. */
export function reasonItems(status) {
  const item = (tone, word) => text =>
    el('li', {'data-tone': tone}, icon(tone), el('span', {}, el('strong', {}, `${word} `), text));
  const {fault} = status.replication;
  const advice =
    fault === null
      ? []
      : [
          el(
            'li',
            {class: 'advice'},
            el('span', {}, el('strong', {}, 'What to do: '), ...withCode(fault.action)),
          ),
        ];
  return [
    ...status.reasons.map(item('bad', 'Reason:')),
    ...advice,
    ...status.warnings.map(item('warn', 'Warning:')),
  ];
}

/** One row for each table of the mapping: its name, and its label in counts. */
export function countRows(status, tables) {
  return tables.map(({table, label}) => {
    const source = status.sourceDatabase?.[label] ?? null;
    const target = status.organizationService?.[label] ?? null;
    const foreign = status.foreignRows?.[table] ?? null;
    return el(
      'tr',
      {'data-table': table},
      el('th', {scope: 'row'}, table),
      number(f.count(source)),
      number(f.count(target)),
      number(foreign === null ? '–' : f.count(foreign), 'wide'),
      el('td', {}, compare(source, target, foreign)),
    );
  });
}

/** Foreign rows belong to the target's owner, so they do not count as a difference. */
function compare(source, target, foreign) {
  if (source === null || target === null) return badge({tone: 'idle', icon: 'idle', label: 'not counted'});
  const gap = target - (foreign ?? 0) - source;
  if (gap === 0) return el('span', {class: 'compact'}, badge({tone: 'ok', icon: 'ok', label: 'equal'}));
  return badge({
    tone: 'warn',
    icon: 'warn',
    label: `${f.count(Math.abs(gap))} ${gap < 0 ? 'fewer' : 'more'}`,
  });
}

/** Two rows for a run: the line, and the detail that its button opens. */
export function runRows(run) {
  const detail = `run-${run.runId}`;
  const took = run.durationMs === null ? '–' : f.duration(run.durationMs);
  const sum = key => Object.values(run.tables).reduce((total, outcome) => total + outcome[key], 0);
  const toggle = el(
    'button',
    {
      type: 'button',
      class: 'toggle',
      'aria-expanded': 'false',
      'aria-controls': detail,
      'data-toggle': detail,
    },
    el('span', {}, when(run.startedAt), el('span', {class: 'narrow note'}, took)),
  );
  return [
    el(
      'tr',
      {'data-run': run.runId},
      el('th', {scope: 'row'}, toggle),
      el('td', {}, badge(runStateOf(run))),
      number(took, 'wide'),
      el('td', {class: 'wide'}, run.trigger),
      el('td', {class: 'wide'}, run.mode),
      number(f.count(sum('compared')), 'wide'),
      number(f.count(sum('repaired'))),
      number(f.count(sum('deleted')), 'wide'),
      number(f.count(sum('deadLetters')), 'wide'),
    ),
    el('tr', {id: detail, class: 'detail', hidden: true}, el('td', {colspan: '9'}, runDetail(run))),
  ];
}

function runDetail(run) {
  const head = ['Table', 'Compared', 'Repaired', 'Deleted', 'Dead letters'];
  const body = Object.entries(run.tables).map(([table, o]) =>
    el(
      'tr',
      {},
      el('th', {scope: 'row'}, table),
      ...[o.compared, o.repaired, o.deleted, o.deadLetters].map(n => number(f.count(n))),
    ),
  );
  return [
    el(
      'p',
      {class: 'note'},
      `Run ${run.runId}, ${run.mode}, by ${run.trigger}${run.endedAt === null ? '' : `, ended ${f.moment(run.endedAt)}`}`,
    ),
    ...(run.error === null
      ? []
      : [el('p', {class: 'why', 'data-tone': runStateOf(run).tone}, icon(runStateOf(run).icon), run.error)]),
    el(
      'table',
      {class: 'inner'},
      el('caption', {class: 'hidden'}, `Run ${run.runId} by table`),
      el(
        'thead',
        {},
        el(
          'tr',
          {},
          ...head.map((text, i) => el('th', {scope: 'col', class: i === 0 ? '' : 'number'}, text)),
        ),
      ),
      el('tbody', {}, ...body),
    ),
  ];
}

export function deadLetterRows(items, nowMs) {
  return items.map(item =>
    el(
      'tr',
      {},
      el('th', {scope: 'row'}, item.table),
      el('td', {class: 'key'}, item.key),
      el(
        'td',
        {},
        el('code', {}, item.code),
        item.detail === null ? '' : el('span', {class: 'note'}, ` ${item.detail}`),
      ),
      number(f.count(item.attempts), 'wide'),
      el('td', {class: 'wide'}, when(item.firstSeenAt)),
      el('td', {}, f.ago(item.lastSeenAt, nowMs)),
    ),
  );
}

/** The number of rows by code, largest first. */
export function codeItems(items) {
  const counts = new Map();
  for (const {code} of items) counts.set(code, (counts.get(code) ?? 0) + 1);
  return [...counts]
    .toSorted((a, b) => b[1] - a[1])
    .map(([code, n]) => el('li', {}, el('code', {}, code), el('strong', {}, f.count(n))));
}

export function verdictRows(verdict) {
  return Object.entries(verdict.tables).map(([table, v]) => {
    const drift = v.missing + v.different + v.extra;
    const look =
      drift === 0
        ? {tone: 'ok', icon: 'ok', label: 'equal'}
        : {tone: 'bad', icon: 'bad', label: `${f.count(drift)} differ`};
    return el(
      'tr',
      {},
      el('th', {scope: 'row'}, table),
      el('td', {}, badge(look)),
      ...[v.compared, v.missing, v.different, v.extra].map(n => number(f.count(n))),
      el('td', {class: 'key'}, v.sampleKeys.join(', ')),
    );
  });
}
