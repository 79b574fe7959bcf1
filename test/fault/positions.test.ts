/**
 * The saved position: the end of a transaction, a matching pair of file and offset, and a place from which the
 * server can continue.
 */
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {eventually} from '../helpers/eventually.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {openWithOwnSource, session, type OwnSource} from '../helpers/own-source.ts';
import {connect, query} from '../servers/databases.ts';

const GTIDS_OFF = ['--gtid-mode=OFF', '--enforce-gtid-consistency=OFF'];
/**
 * The events that may follow the end of a transaction: the beginning of the next one, the end of the file, or
 * the header of the next file.
 */
const BETWEEN_TRANSACTIONS =
  /^(Gtid|Gtid_tagged|Anonymous_Gtid|Rotate|Stop|Binlog_checkpoint|Previous_gtids)$/i;
const ROUNDS = 12;

describeEachFlavour('a position', ({flavour, edition, server}) => {
  for (const options of flavour === 'mysql' ? [[], GTIDS_OFF] : [[]]) {
    describe(options.length === 0 ? 'with GTIDs' : 'without GTIDs', () => {
      let own: OwnSource;
      beforeAll(async () => {
        own = await openWithOwnSource({edition, options}, server);
        await own.stand.source.query("INSERT INTO institutes (id, name) VALUES (1, 'One')");
        await own.stand.source.query(
          "INSERT INTO users (id, first_name, email, password) VALUES (1, 'A', 'a@x.test', 'p'), (2, 'B', 'b@x.test', 'p')",
        );
        await own.stand.start();
        await own.stand.equal();
        await own.stand.until('the load', ({lastRun}) => lastRun?.state === 'succeeded');
      });
      afterAll(() => own?.[Symbol.asyncDispose]());

      const runs = async () =>
        ((await own.stand.daemon.get('/sync/runs')) as {items: Record<string, unknown>[]}).items.length;

      it('#9 #10 #11 is saved at the ends of transactions only, as a file and its offset', async () => {
        const {stand} = own;
        const before = await runs();
        const seen = new Map<string, {file: string; offset: number}>();
        const looking = new AbortController();
        const watcher = await connect(server);
        const look = (async () => {
          while (!looking.signal.aborted) {
            const [row] = await query(
              watcher,
              `SELECT log_file f, log_offset o FROM \`${stand.env['ORG_DB_DATABASE']}\`.sync_checkpoint WHERE log_file IS NOT NULL`,
            );
            if (row !== undefined)
              seen.set(`${row['f']}:${row['o']}`, {file: String(row['f']), offset: Number(row['o'])});
          }
        })();
        try {
          for (let i = 0; i < ROUNDS; i++) {
            // Several tables, several statements, and a rotation right after the transaction, sometimes within a
            // large one.
            await stand.source.query(
              `START TRANSACTION; UPDATE users SET first_name = 'r${i}' WHERE id = 1;
               INSERT INTO institute_user (institute_id, user_id, user_type) VALUES (1, 1, 'admin');
               UPDATE institutes SET name = 'r${i}'; UPDATE users SET first_name = 'r${i}' WHERE id = 2; COMMIT`,
            );
            await stand.source.query('FLUSH BINARY LOGS');
            await stand.source.query(`UPDATE users SET last_name = 's${i}' WHERE id = 1`);
            await eventually(
              async () =>
                (await stand.targetRows('SELECT 1 FROM user WHERE name = ?', [`r${i} s${i}`])).length === 1,
              {what: 'the round'},
            );
          }
        } finally {
          looking.abort();
          await look;
          await watcher.end();
        }
        expect(new Set([...seen.values()].map(({file}) => file)).size).toBeGreaterThan(ROUNDS / 2);
        for (const {file, offset} of seen.values()) {
          expect(offset).toBeGreaterThanOrEqual(4);
          const [event] = await stand.sourceRows(
            `SHOW BINLOG EVENTS IN '${file}' FROM ${Math.max(4, offset)} LIMIT 1`,
          );
          const type = event === undefined ? 'Stop' : String(event['Event_type']);
          expect({file, offset, type}).toEqual({
            file,
            offset,
            type: expect.stringMatching(offset <= 4 ? /^Format_desc$/ : BETWEEN_TRANSACTIONS),
          });
        }
        // The stream continues from each of them: no reconcile is pending after a kill.
        await stand.daemon.kill();
        await stand.source.query("UPDATE users SET first_name = 'after' WHERE id = 1");
        await stand.start();
        await stand.caughtUp();
        await stand.equal();
        expect(stand.logText()).not.toContain('replication.reanchor');
        expect(await runs()).toBe(before);
      });

      it.skipIf(options.length > 0)(
        '#29 holds transactions of several servers, domains and tags',
        async () => {
          const {stand} = own;
          const before = await runs();
          const other = await session(own);
          const kinds =
            flavour === 'mariadb'
              ? [
                  'SET gtid_domain_id = 7, server_id = 4000000000',
                  'SET gtid_domain_id = 4294967295, server_id = 1',
                  'SET gtid_domain_id = 0, server_id = 99',
                ]
              : [
                  "SET gtid_next = '11111111-2222-3333-4444-555555555555:1'",
                  "SET gtid_next = 'AAAAAAAA-bbbb-cccc-dddd-eeeeeeeeeeee:9000000000'",
                  "SET gtid_next = 'AUTOMATIC:a_tag'",
                  "SET gtid_next = '11111111-2222-3333-4444-555555555555:another_tag:5'",
                  "SET gtid_next = '11111111-2222-3333-4444-555555555555:3'",
                ];
          for (const [i, kind] of kinds.entries()) {
            await other.query(kind);
            await other.query(`UPDATE users SET first_name = 'kind${i}' WHERE id = 1`);
            if (flavour === 'mysql') await other.query("SET gtid_next = 'AUTOMATIC'");
            await eventually(
              async () =>
                (await stand.targetRows('SELECT 1 FROM user WHERE name LIKE ?', [`kind${i}%`])).length === 1,
              {what: `transaction ${i}`},
            );
            if (i === 1) {
              await stand.daemon.kill();
              await stand.start();
            }
          }
          await other.end();
          expect(await stand.daemon.stop()).toBe(0);
          const [saved] = await stand.targetRows('SELECT position FROM sync_checkpoint');
          for (const part of flavour === 'mariadb'
            ? ['7-4000000000-', '4294967295-1-', '0-']
            : ['11111111-2222-3333-4444-555555555555:1:3:another_tag:5', 'a_tag:1', ':9000000000'])
            expect(saved?.['position']).toContain(part);
          await stand.source.query("UPDATE users SET first_name = 'down' WHERE id = 1");
          await stand.start();
          await stand.caughtUp();
          await stand.equal();
          expect(stand.logText()).not.toContain('replication.reanchor');
          expect(await runs()).toBe(before);
        },
      );

      it.skipIf(options.length === 0)(
        '#7 of another server is not used, although file names are equal',
        async () => {
          const {stand} = own;
          expect(await stand.daemon.stop()).toBe(0);
          const since = Date.now();
          await stand.target.query("UPDATE sync_checkpoint SET source_identity = 'another'");
          await stand.start();
          expect(await stand.recovery(since)).toMatchObject({mode: 'full', state: 'succeeded'});
          expect(stand.logText()).toContain('position-lost');
          await stand.caughtUp();
          await stand.equal();
        },
      );
    });
  }
});
