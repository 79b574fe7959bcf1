/** Prints one line with the state of both sides. */
import {query, withConnection} from '../servers/databases.ts';
import type {ServerAddress} from '../servers/server.ts';

/** Counts the eligible rows of LAAS (docs/rules.md), without dead letters. */
const ELIGIBLE = `
WITH u AS (SELECT id FROM users WHERE is_active = 1 AND email IS NOT NULL AND password IS NOT NULL),
     i AS (SELECT id FROM institutes WHERE name IS NOT NULL)
SELECT (SELECT COUNT(*) FROM u) AS users,
       (SELECT COUNT(*) FROM i) AS institutes,
       (SELECT COUNT(DISTINCT m.institute_id, m.user_id)
          FROM institute_user m JOIN u ON u.id = m.user_id JOIN i ON i.id = m.institute_id) AS memberships`;

const REPLICATED = `
SELECT (SELECT COUNT(*) FROM user) AS users,
       (SELECT COUNT(*) FROM institute) AS institutes,
       (SELECT COUNT(*) FROM institute_users) AS memberships`;

export async function describeProgress(
  source: ServerAddress,
  target: ServerAddress,
  url: string,
): Promise<string> {
  const [laas, organizations, status] = await Promise.all([
    counts(source, 'laas', ELIGIBLE),
    counts(target, 'organizations', REPLICATED),
    readStatus(url),
  ]);
  return `rows in laas: ${laas} | rows in organizations: ${organizations} | ${status}`;
}

async function counts(server: ServerAddress, database: string, sql: string): Promise<string> {
  const [row] = await withConnection(server, database, connection => query(connection, sql));
  return ['users', 'institutes', 'memberships'].map(name => `${String(row?.[name])} ${name}`).join(', ');
}

async function readStatus(url: string): Promise<string> {
  try {
    const response = await fetch(`${url}/sync/status`, {signal: AbortSignal.timeout(5000)});
    const body: unknown = await response.json();
    const replication = property(body, 'replication');
    const lag = property(replication, 'lagSeconds');
    return (
      `lag ${typeof lag === 'number' ? `${lag} s` : 'unknown'}, ${String(property(replication, 'state'))}, ` +
      `${String(property(body, 'deadLetters'))} dead letters`
    );
  } catch (error) {
    return `no status (${error instanceof Error ? error.message : String(error)})`;
  }
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
