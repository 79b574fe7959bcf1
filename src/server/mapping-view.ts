/** The mapping as the API and the dashboard show it. Pure: names and the content of the mapping file, no row. */
import type {CheckUse} from '../mapping/checks.ts';
import type {Condition, Mapping, TableMap} from '../mapping/mapping.ts';
import type {OperatorUse} from '../mapping/operators/operator.ts';
import type {Status} from '../status/operations.ts';

export interface ColumnView {
  readonly column: string;
  readonly from: readonly string[];
  readonly operator: string;
  /** The options of the operator; empty without any. */
  readonly detail: string;
  readonly checks: readonly string[];
}

export interface TableView {
  /** The target table. */
  readonly table: string;
  readonly source: string;
  readonly label: string;
  readonly key: readonly string[];
  readonly conditions: readonly string[];
  readonly parents: readonly {readonly table: string; readonly columns: readonly string[]}[];
  readonly newest: string | null;
  readonly columns: readonly ColumnView[];
}

/** Each target table, parents first. */
export function mappingView({tables}: Pick<Mapping, 'tables'>): readonly TableView[] {
  return tables.map(viewOf);
}

/** Whether the last run used another mapping, as the warnings of the status report it. */
export function isMappingChanged({warnings}: Pick<Status, 'warnings'>): boolean {
  return warnings.some(warning => warning.startsWith('mapping-changed'));
}

function viewOf({target, source, label, key, where, parents, newest, columns}: TableMap): TableView {
  return {
    table: target,
    source,
    label,
    key,
    conditions: where.map(conditionText),
    parents,
    newest,
    columns: columns.map(({target: column, from, use, checks}) => ({
      column,
      from,
      operator: use.operator,
      detail: detailOf(use),
      checks: checks.map(checkText),
    })),
  };
}

function conditionText(condition: Condition): string {
  if (condition.is !== 'in') return `${condition.column} is ${condition.is}`;
  const {column, values} = condition;
  return values.length === 1 ? `${column} = ${values.join()}` : `${column} is one of ${values.join(', ')}`;
}

function checkText(use: CheckUse): string {
  return use.check === 'maxLength' ? `at most ${use.characters} characters` : use.check;
}

function detailOf(use: OperatorUse): string {
  const text = (value: string | null) => (value === null ? 'null' : `'${value}'`);
  switch (use.operator) {
    case 'copy':
    case 'trim':
    case 'lower':
    case 'upper':
      return '';
    case 'join':
      return `with ${text(use.with)}`;
    case 'lookup': {
      const pairs = Object.entries(use.values).map(([from, to]) => (from === to ? from : `${from} → ${to}`));
      const rest = use.otherwise === undefined ? 'anything else waits' : `otherwise ${text(use.otherwise)}`;
      return `${pairs.join(', ')}; ${rest}`;
    }
    case 'oneOf':
      return use.values.join(', ');
    case 'first':
      return use.otherwise === null ? '' : `otherwise ${text(use.otherwise)}`;
    case 'constant':
      return text(use.value);
  }
}
