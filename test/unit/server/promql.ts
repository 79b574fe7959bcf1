/** Parses a PromQL expression for the tests, by the grammar of Prometheus' own editor. */
import {parser} from '@prometheus-io/lezer-promql';

export interface Selector {
  readonly metric: string;
  readonly labels: readonly string[];
  /** Over a time, as `rate` wants it, rather than at a moment. */
  readonly isRange: boolean;
  readonly under: string | null;
}

export interface Expression {
  /** The places that cannot be parsed, with the text around them. */
  readonly mistakes: readonly string[];
  readonly selectors: readonly Selector[];
  /** The labels of `by (…)`, `on (…)` and their like. */
  readonly groupedBy: readonly string[];
}

export function parsePromql(text: string): Expression {
  const mistakes: string[] = [];
  const selectors: Selector[] = [];
  const groupedBy: string[] = [];
  const tree = parser.parse(text);
  const words = (from: number, to: number) => text.slice(from, to);
  tree.iterate({
    enter({node, from, to}) {
      if (node.type.isError) mistakes.push(`${words(0, from)}<here>${words(from, text.length)}`);
      if (node.name === 'LabelName' && node.parent?.name === 'GroupingLabels')
        groupedBy.push(words(from, to));
      if (node.name !== 'VectorSelector') return;
      const metric = node.getChild('Identifier');
      const matchers = node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? [];
      const isRange = node.parent?.name === 'MatrixSelector';
      const call = (isRange ? node.parent?.parent : node.parent)?.parent;
      const callee = call?.name === 'FunctionCall' ? call.getChild('FunctionIdentifier') : null;
      selectors.push({
        metric: metric === null ? '' : words(metric.from, metric.to),
        labels: matchers.flatMap(({firstChild}) =>
          firstChild === null ? [] : [words(firstChild.from, firstChild.to)],
        ),
        isRange,
        under: callee == null ? null : words(callee.from, callee.to),
      });
    },
  });
  return {mistakes, selectors, groupedBy};
}
