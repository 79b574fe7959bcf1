/** The alert rules and the Grafana board of docs/: valid, and over existing metrics. */
import {readFileSync} from 'node:fs';
import {describe, expect, it} from 'vitest';
import {parse} from 'yaml';
import {z} from 'zod';
import {createMetrics} from '../../../src/status/metrics.ts';
import {LAAS} from '../../helpers/laas-mapping.ts';
import {parsePromql} from './promql.ts';
import {status} from './recording-operations.ts';

const read = (path: string) => readFileSync(new URL(`../../../docs/${path}`, import.meta.url), 'utf8');
const duration = z.string().regex(/^(\d+(ms|[smhdwy]))+$/);

/** As Prometheus loads them; strict, since it refuses a file with a field that it does not know. */
const rulesSchema = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string(),
      rules: z.array(
        z.strictObject({
          alert: z.string().regex(/^LaasSync[A-Z][A-Za-z]+$/),
          expr: z.string(),
          for: duration.optional(),
          labels: z.strictObject({severity: z.enum(['critical', 'warning', 'info'])}),
          annotations: z.strictObject({summary: z.string(), description: z.string().optional()}),
        }),
      ),
    }),
  ),
});
const rules = rulesSchema
  .parse(parse(read('alerts/laas-sync.rules.yml')))
  .groups.flatMap(group => group.rules);

/** Every expression of the board, with Grafana's own variables filled in. */
const boardExpressions = [...read('grafana/laas-sync.json').matchAll(/"expr": ("(?:[^"\\]|\\.)*")/g)].map(
  ([, text = '']) =>
    z
      .string()
      .parse(JSON.parse(text))
      .replaceAll('$__rate_interval', '1m')
      .replaceAll('$__range', '1h')
      .replaceAll('$stream', 'production'),
);

const expressions = [...rules.map(rule => [rule.alert, rule.expr]), ...boardExpressions.map(e => [e, e])] as [
  string,
  string,
][];

/** The labels that each metric carries, found by reporting everything once. */
async function labelsByMetric(): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const metrics = createMetrics('production', LAAS);
  metrics.reconnected('stream-silent');
  const text = await metrics.render(
    status({progress: {runId: 'r', table: 'user', rows: 1, totalRows: 2, fraction: 0.5}}),
  );
  const labels = new Map<string, Set<string>>();
  for (const [, name = '', pairs = ''] of text.matchAll(/^([a-z][\w]*)(?:\{(.*)\})? /gm)) {
    const known = labels.get(name) ?? new Set();
    for (const [, label = ''] of pairs.matchAll(/(\w+)="/g)) known.add(label);
    labels.set(name, known);
  }
  return labels;
}

describe.each(expressions)('%s', (_name, text) => {
  const {mistakes, selectors, groupedBy} = parsePromql(text);

  it('is PromQL', () => {
    expect(mistakes).toEqual([]);
  });

  it('asks for existing metrics, by labels that they have', async () => {
    const known = await labelsByMetric();
    const those = new Set(selectors.flatMap(({metric}) => [...(known.get(metric) ?? [])]));
    expect(selectors.length).toBeGreaterThan(0);
    for (const {metric, labels} of selectors) {
      expect(known.has(metric), metric).toBe(true);
      for (const label of labels) expect(known.get(metric), metric).toContain(label);
    }
    for (const label of groupedBy) expect([...those]).toContain(label);
  });

  it('computes a rate only of a counter over a time', () => {
    for (const {metric, isRange, under} of selectors) {
      const isRate = under === 'rate' || under === 'increase';
      expect(isRange, metric).toBe(isRate);
      expect(/_(total|bucket|sum|count)$/.test(metric), metric).toBe(isRate);
    }
  });
});

it.each(rules)('$alert names the stream, and only labels that its expression keeps', rule => {
  const named = [...JSON.stringify(rule.annotations).matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label);
  expect(named).toContain('stream');
  const kept = parsePromql(rule.expr).groupedBy;
  for (const label of named) expect(kept).toContain(label);
});

it('no two alerts have one name', () => {
  const names = rules.map(rule => rule.alert);
  expect([...new Set(names)]).toEqual(names);
});

it('the board shows every metric of the pipeline', async () => {
  const ours = (await createMetrics('production', LAAS, {process: false}).names()).filter(
    name => !/_(sum|count|bucket)$/.test(name),
  );
  const board = boardExpressions.join('\n');
  expect(ours.filter(name => !board.includes(name))).toEqual([]);
});
