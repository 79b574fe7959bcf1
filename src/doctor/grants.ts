/** Parses SHOW GRANTS. Pure. */

/** What one statement grants: privileges on a scope, `*.*`, `db.*` or `db.table`. */
export interface Grant {
  readonly privileges: readonly string[];
  /** The scope as the server writes it, for a REVOKE that can be pasted. */
  readonly scope: string;
  /** The database as a LIKE pattern, or `*`. */
  readonly database: string;
  readonly table: string;
}

export interface Grants {
  readonly grants: readonly Grant[];
  /** Roles granted to the account, as the server writes them. */
  readonly roles: readonly string[];
}

const ON_OBJECT = /^GRANT (.+?) ON (?:TABLE )?((?:`(?:[^`]|``)*`|\*)\.(?:`(?:[^`]|``)*`|\*)) TO /;
const ROLES = /^GRANT ((?:`(?:[^`]|``)*`(?:@`(?:[^`]|``)*`)?(?:, ?)?)+) TO /;

/** Lines that grant nothing relevant (proxies, routines) are skipped. */
export function parseGrants(lines: readonly string[]): Grants {
  const grants: Grant[] = [];
  const roles: string[] = [];
  for (const line of lines) {
    const object = ON_OBJECT.exec(line);
    if (object !== null) {
      const [, privileges = '', scope = ''] = object;
      const [database = '*', table = '*'] = splitScope(scope);
      const option = / WITH (?:.* )?GRANT OPTION/.test(line) ? ['GRANT OPTION'] : [];
      grants.push({privileges: [...splitPrivileges(privileges), ...option], scope, database, table});
      continue;
    }
    const granted = ROLES.exec(line)?.[1];
    if (granted !== undefined) roles.push(...granted.split(/, ?/));
  }
  return {grants, roles};
}

/** Splits at commas outside of column lists; a privilege on columns keeps its list. */
function splitPrivileges(text: string): string[] {
  return text
    .split(/,(?![^(]*\))/)
    .map(name => name.trim())
    .map(name =>
      name === 'ALL PRIVILEGES'
        ? 'ALL'
        : name.replace(/^REPLICA(TION)? MONITOR$|^SLAVE MONITOR$/, 'SLAVE MONITOR'),
    );
}

function splitScope(scope: string): string[] {
  const parts = scope.match(/`(?:[^`]|``)*`|\*/g) ?? [];
  return parts.map(part => (part === '*' ? part : part.slice(1, -1).replaceAll('``', '`')));
}

/** Whether a privilege applies to a whole database, to one of its tables, or (`*`) to the server. */
export function holds({grants}: Grants, privilege: string, database: string, table = '*'): boolean {
  return grants.some(
    grant =>
      (grant.database === '*' || (database !== '*' && matches(grant.database, database))) &&
      (grant.table === '*' || grant.table === table) &&
      (grant.privileges.includes('ALL') || grant.privileges.includes(privilege)),
  );
}

/** A database in a grant is a LIKE pattern. */
function matches(pattern: string, name: string): boolean {
  const source = pattern.replace(/\\([_%])|[%_]|[.*+?^${}()|[\]\\]/g, (part, escaped: string | undefined) => {
    if (escaped !== undefined) return escaped;
    if (part === '%') return '.*';
    return part === '_' ? '.' : `\\${part}`;
  });
  return new RegExp(`^${source}$`, 'is').test(name);
}
