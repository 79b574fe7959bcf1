/**
 * Checks for foreign keys of other schemas that the target's account cannot see, and so cannot check before a
 * delete.
 */
import {textRows} from '../db/server.ts';
import {ok, warning, type Finding} from './findings.ts';
import {holds} from './grants.ts';
import {readAccount} from './privileges.ts';
import {quoteName} from '../mapping/quote.ts';
import {ask, type Probe} from './probe.ts';

/**
 * With one of these privileges on the whole server, an account sees the foreign keys of every table, on both
 * flavours.
 */
const SHOWS_ALL = ['REFERENCES', 'SELECT', 'INSERT', 'UPDATE', 'DELETE', 'CREATE', 'ALTER', 'INDEX', 'DROP'];

const WHY =
  'if such a key has ON DELETE CASCADE or SET NULL, a delete by laas-sync changes rows of other tables without a warning';

/**
 * @param tables the mapped tables
 * @param seen the tables that are known to refer to mapped tables, as `schema/table`
 */
export async function checkHiddenReferences(
  probe: Probe,
  tables: readonly string[],
  seen: ReadonlySet<string>,
): Promise<Finding[]> {
  const account = await readAccount(probe);
  if (account !== null && SHOWS_ALL.some(privilege => holds(account.grants, privilege, '*')))
    return seen.size === 0
      ? [ok('target', 'target-foreign-keys', 'no other table refers to the mapped ones')]
      : [];
  const name = account?.name ?? 'the account of ORG_DB_USERNAME';
  const all = await everyReference(probe, tables);
  if (all === null) {
    return [
      warning('target', 'target-foreign-keys', {
        message: `this account cannot see foreign keys of schemas other than ${probe.database}`,
        why: WHY,
        fix: `GRANT REFERENCES ON *.* TO ${name}; -- it shows foreign keys and no rows; or on each schema whose tables may refer to ${probe.database}`,
      }),
    ];
  }
  const hidden = all.filter(({schema, table}) => !seen.has(`${schema}/${table}`));
  if (hidden.length === 0)
    return seen.size === 0
      ? [ok('target', 'target-foreign-keys', 'no other table refers to the mapped ones')]
      : [];
  return hidden.map(({schema, table, referenced}) =>
    warning('target', 'target-foreign-keys', {
      message: `${schema}.${table} refers to ${referenced}, and this account cannot see how`,
      why: WHY,
      fix: `GRANT REFERENCES ON ${quoteName(schema)}.* TO ${name}; -- it shows foreign keys and no rows`,
    }),
  );
}

interface OtherTable {
  readonly schema: string;
  readonly table: string;
  readonly referenced: string;
}

/**
 * Reads InnoDB's own list, which needs PROCESS; null if the account may not read it, or the list has other table
 * names.
 */
async function everyReference(probe: Probe, tables: readonly string[]): Promise<OtherTable[] | null> {
  // InnoDB encodes other characters.
  if (![probe.database, ...tables].every(name => /^\w+$/.test(name))) return null;
  const view = probe.info.flavour === 'mysql' ? 'INNODB_FOREIGN' : 'INNODB_SYS_FOREIGN';
  const {rows} = await ask(
    probe,
    `SELECT DISTINCT FOR_NAME, REF_NAME FROM information_schema.${view} WHERE REF_NAME IN (?)`,
    [tables.map(table => `${probe.database}/${table}`)],
  );
  if (rows === null) return null;
  return textRows(rows.map(row => [...row]))
    .map(([from = '', to = '']) => {
      const [schema = '', table = ''] = from.split('/');
      return {schema, table, referenced: to.slice(to.indexOf('/') + 1)};
    })
    .filter(({schema, table}) => schema !== probe.database || !isOneOf(tables, table));
}

/** Whether a name is one of these. Some servers ignore case. */
export function isOneOf(names: readonly string[], name: string): boolean {
  return names.some(one => one.toLowerCase() === name.toLowerCase());
}
