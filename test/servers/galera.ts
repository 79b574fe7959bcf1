/** A cluster of Galera: MariaDB nodes that each take writes and give out named locks of their own. */
import {randomUUID} from 'node:crypto';
import {existsSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {eventually} from '../helpers/eventually.ts';
import {query, withConnection} from './databases.ts';
import {freePort} from './ports.ts';
import {startServer, type TestServer} from './server.ts';

const PROVIDER = '/usr/lib/galera/libgalera_smm.so';
const SMALL = ['--innodb-buffer-pool-size=64M', '--innodb-autoinc-lock-mode=2'];

/** Debian's package galera-4 is installed, and fits the MariaDB of the system. */
export const hasGalera = existsSync(PROVIDER);

export interface Galera extends AsyncDisposable {
  readonly nodes: readonly TestServer[];
}

/**
 * Starts so many nodes from the same data and the same place in the cluster's history, so that no data has to be sent.
 *
 * @param options for each node's command line
 */
export async function startGalera(
  count: number,
  options: (index: number) => readonly string[] = () => [],
): Promise<Galera> {
  const state = randomUUID();
  const ports: number[] = [];
  for (let i = 0; i < count; i++) ports.push(await freePort());
  const address = (at: number) => `127.0.0.1:${at}`;
  const nodes: TestServer[] = [];
  const end = () => Promise.all(nodes.map(node => node.dispose())).then(() => undefined);
  try {
    for (const [i, port] of ports.entries()) {
      const others = i === 0 ? '' : ports.slice(0, i).map(address).join(',');
      const [first] = nodes;
      const seqno = first === undefined ? 0 : await lastCommitted(first);
      const node = await startServer({edition: 'mariadb', options: SMALL});
      nodes.push(node);
      await node.stop();
      writeFileSync(
        join(node.dataDir, 'grastate.dat'),
        `# GALERA saved state\nversion: 2.1\nuuid:    ${state}\nseqno:   ${seqno}\nsafe_to_bootstrap: 1\n`,
      );
      await node.restart([
        ...SMALL,
        '--wsrep-on=ON',
        `--wsrep-provider=${PROVIDER}`,
        `--wsrep-cluster-address=gcomm://${others}`,
        '--wsrep-sst-method=skip',
        `--wsrep-node-name=node${i}`,
        '--wsrep-node-address=127.0.0.1',
        `--wsrep-provider-options=gmcast.listen_addr=tcp://${address(port)};ist.recv_addr=${address(await freePort())};gcache.size=16M`,
        ...options(i),
      ]);
      await untilSynced(node, i + 1);
    }
    for (const node of nodes) await untilSynced(node, count);
    return {nodes, [Symbol.asyncDispose]: end};
  } catch (error) {
    await end();
    throw error;
  }
}

function lastCommitted(node: TestServer): Promise<number> {
  return withConnection(node, undefined, async connection => {
    const [row] = await query(connection, "SHOW GLOBAL STATUS LIKE 'wsrep_last_committed'");
    return Number(row?.['Value']);
  });
}

/** Resolves when the node takes writes, and sees all the others. */
export function untilSynced(node: TestServer, size: number): Promise<boolean> {
  return eventually(
    () =>
      withConnection(node, undefined, async connection => {
        const rows = await query(
          connection,
          "SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_ready', 'wsrep_cluster_size')",
        );
        const found = new Map(rows.map(row => [row['Variable_name'], row['Value']]));
        return found.get('wsrep_ready') === 'ON' && found.get('wsrep_cluster_size') === String(size);
      }),
    {timeoutMs: 40_000, intervalMs: 200, what: `a node that is ready\n${node.log().slice(-3000)}`},
  );
}

/** Cuts a node off from the others, or lets it come back; its clients stay connected. */
export async function isolate(node: TestServer, on: boolean): Promise<void> {
  await withConnection(node, undefined, connection =>
    connection.query(`SET GLOBAL wsrep_provider_options = 'gmcast.isolate=${on ? 1 : 0}'`),
  );
}

/** Resolves when the node knows that it has lost its cluster. */
export function untilOutside(node: TestServer): Promise<boolean> {
  return eventually(
    () =>
      withConnection(node, undefined, async connection => {
        const [row] = await query(connection, "SHOW GLOBAL STATUS LIKE 'wsrep_cluster_status'");
        return row?.['Value'] !== 'Primary';
      }),
    {timeoutMs: 40_000, intervalMs: 200, what: 'a node without its cluster'},
  );
}
