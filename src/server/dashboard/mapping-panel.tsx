/** Shows the mapping of tables and columns. The panel is closed at first. */
import type {FC} from 'hono/jsx';
import type {ColumnView, TableView} from '../mapping-view.ts';
import {Head, Icon, Panel, Scroll} from './elements.tsx';

export const MappingPanel: FC<{tables: readonly TableView[]; changed: boolean}> = ({tables, changed}) => (
  <Panel id="mapping" title="Mapping" aside={<a href="/sync/mapping">JSON</a>}>
    <p class="why" data-tone="warn" data-show="mapping-changed" hidden={!changed}>
      <Icon name="warn" />
      The last run used another mapping; a reconcile brings the target up to this one.
    </p>
    {tables.map(table => (
      <MappedTable of={table} />
    ))}
  </Panel>
);

const MappedTable: FC<{of: TableView}> = ({of: {table, source, key, conditions, parents, columns}}) => (
  <details class="mapped">
    <summary>
      <strong>{table}</strong>
      <span class="note"> from {source}</span>
    </summary>
    <p class="note">
      Key: {key.join(', ')}.{conditions.length === 0 ? '' : ` Only rows with ${conditions.join(' and ')}.`}
      {parents.length === 0
        ? ''
        : ` Parents: ${parents.map(parent => `${parent.table} by ${parent.columns.join(', ')}`).join('; ')}.`}
    </p>
    <Scroll label={`Columns of ${table}`}>
      <table>
        <caption class="hidden">Where each column of {table} comes from</caption>
        <Head columns={[['Column'], ['From'], ['Operator'], ['Check']]} />
        <tbody>
          {columns.map(column => (
            <MappedColumn {...column} />
          ))}
        </tbody>
      </table>
    </Scroll>
  </details>
);

const MappedColumn: FC<ColumnView> = ({column, from, operator, detail, checks}) => (
  <tr>
    <th scope="row">{column}</th>
    <td>{from.length === 0 ? '–' : from.join(', ')}</td>
    <td>
      <code>{operator}</code>
      {detail === '' ? null : <span class="note"> {detail}</span>}
    </td>
    <td>{checks.length === 0 ? '–' : checks.join(', ')}</td>
  </tr>
);
