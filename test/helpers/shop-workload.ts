/** Random work on the shop of `test/mappings/shop.sql`, reproducible from its seed. */
import type mysql from 'mysql2/promise';
import {query} from '../servers/databases.ts';
import {randomFrom} from './workload.ts';

const REGIONS = ['eu', 'us', 'jp', 'br', 'Ö1', 'x y'];
const TITLES = ['Europe', '  Asia ', 'Ünïcode', ' ', 'A title that is far too long', "O'Region"];
const COUNTRIES = ['DE', ' us ', 'jp', 'fr', 'XX', null];
const NAMES = ['Ada', '  Grace ', '', null, 'Müller', 'back\\slash', "d'Arc"];
const MAILS = ['A@Example.test', 'b@example.test', null, '', 'very.long.address.of.mail@example.test'];
const STANDINGS = ['good', 'FAIR ', 'bad', null];
const STATES = ['draft', 'open', 'paid', 'sent', 'void'];
const KINDS = ['goods', 'gift,wrapped', "it's free"];
const NOTES = ['a note', '', null, 'a note that is long', '日本語 🎓'];
const ARTICLES = ['pen', 'Pen 2', 'ink:red', '100%', 'é'];
const MOMENTS = ['2024-02-29 12:00:00.999600', '2023-12-31 23:59:59.999999', '2024-03-10 02:30:00.5', null];

/** Errors that random work causes: a key that exists already, a missing parent, or two writers that meet. */
const REFUSALS = new Set([1062, 1205, 1213, 1451, 1452, 1761, 1762]);

/** A region, a customer with a note, a courier, an order, and three lines. */
export const WHOLE_ORDER_ROWS = 8;

type Step = (work: ShopWorkload) => Promise<void>;

export class ShopWorkload {
  readonly #connection: mysql.Connection;
  readonly #random: () => number;

  constructor(connection: mysql.Connection, seed: number) {
    this.#connection = connection;
    this.#random = randomFrom(seed);
  }

  /** One transaction of one to four steps. */
  async transaction(): Promise<void> {
    await this.#connection.query('START TRANSACTION');
    try {
      for (let i = 1 + this.number(4); i > 0; i--) await this.pick(STEPS)(this);
      await this.#connection.query(this.number(10) === 0 ? 'ROLLBACK' : 'COMMIT');
    } catch (error) {
      await this.#connection.query('ROLLBACK');
      if (!(error instanceof Error && 'errno' in error && REFUSALS.has(Number(error.errno)))) throw error;
    }
  }

  /** Inserts the first rows. */
  async fill(): Promise<void> {
    for (const code of REGIONS) await this.addRegion(code).catch(() => undefined);
    for (let i = 0; i < 120; i++) await this.transaction();
  }

  /**
   * Inserts one order with three lines, and all its parents, with keys that random work does not use.
   * The target has `WHOLE_ORDER_ROWS` rows more then.
   */
  async addWholeOrder(): Promise<void> {
    const customer = this.uuid();
    await this.run("INSERT INTO regions (code, title, is_open) VALUES ('zz', 'Whole', 1)");
    await this.run(
      "INSERT INTO customers (id, region_code, given_name, mail, note) VALUES (?, 'zz', 'Zoe', 'z@example.test', 'whole')",
      [customer],
    );
    await this.run("INSERT INTO couriers (id, name) VALUES (100, 'Train')");
    await this.run(
      "INSERT INTO orders (number, customer_id, courier_id, state) VALUES (1000, ?, 100, 'paid')",
      [customer],
    );
    await this.run(
      "INSERT INTO order_lines (order_number, kind, line) VALUES (1000, 'goods', 1), (1000, 'goods', 2), (1000, 'gift,wrapped', 1)",
    );
  }

  number(below: number): number {
    return Math.floor(this.#random() * below);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.number(items.length)] as T;
  }

  run(sql: string, values: readonly unknown[] = []) {
    return this.#connection.query(sql, [...values]);
  }

  /** Returns a random value of a column; null if the table is empty. */
  async some(table: string, column: string): Promise<unknown> {
    const rows = await query(this.#connection, `SELECT ${column} AS v FROM ${table} ORDER BY 1`);
    return rows.length === 0 ? null : this.pick(rows)['v'];
  }

  uuid(): string {
    const digits = Array.from({length: 32}, () => this.number(16).toString(16)).join('');
    return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  }

  async addRegion(code: string): Promise<void> {
    await this.run('INSERT INTO regions VALUES (?, ?, ?, ?, ?, ?)', [
      code,
      this.pick(TITLES),
      this.pick(COUNTRIES),
      this.number(5) === 0 ? 0 : 1,
      this.pick(MOMENTS),
      this.pick(['2020-02-02', null]),
    ]);
  }
}

const STEPS: readonly Step[] = [
  work => work.addRegion(work.pick(REGIONS)),
  async work =>
    void (await work.run('UPDATE regions SET title = ?, country = ?, is_open = ? WHERE code = ?', [
      work.pick(TITLES),
      work.pick(COUNTRIES),
      work.number(4) === 0 ? 0 : 1,
      work.pick(REGIONS),
    ])),
  async work => {
    if (work.number(6) === 0) await work.run('DELETE FROM regions WHERE code = ?', [work.pick(REGIONS)]);
    else await work.run("UPDATE regions SET title = 'Open', country = 'DE', is_open = 1");
  },
  async work => {
    if (work.number(3) > 0) return;
    await work.run('UPDATE regions SET code = ? WHERE code = ?', [work.pick(REGIONS), work.pick(REGIONS)]);
  },
  addCustomer,
  addCustomer,
  async work =>
    void (await work.run(
      'UPDATE customers SET mail = ?, note = ?, standing = ?, region_code = ?, closed_at = ? WHERE id = ?',
      [
        work.pick(MAILS),
        work.pick(NOTES),
        work.pick(STANDINGS),
        await work.some('regions', 'code'),
        work.number(5) === 0 ? '2024-01-01 00:00:00' : null,
        await work.some('customers', 'id'),
      ],
    )),
  async work =>
    void (await work.run('DELETE FROM customers WHERE id = ?', [await work.some('customers', 'id')])),
  async work =>
    void (await work.run('UPDATE customers SET id = ? WHERE id = ?', [
      work.uuid(),
      await work.some('customers', 'id'),
    ])),
  async work =>
    void (await work.run('INSERT INTO couriers VALUES (?, ?, ?, ?)', [
      1 + work.number(12),
      work.pick(['Van', ' ', 'Bike ']),
      work.pick([0.1, 1e10, null]),
      work.number(5) === 0 ? 1 : 0,
    ])),
  async work =>
    void (await work.run('UPDATE couriers SET retired = ?, name = ? WHERE id = ?', [
      work.number(2),
      work.pick(['Van', ' ', 'Bike ']),
      1 + work.number(12),
    ])),
  async work =>
    void (await work.run('UPDATE orders SET courier_id = NULL WHERE courier_id = ?', [1 + work.number(12)])),
  addOrder,
  addOrder,
  addOrder,
  async work =>
    void (await work.run(
      'UPDATE orders SET state = ?, courier_id = ?, customer_id = ?, gift = ? WHERE number = ?',
      [
        work.pick(STATES),
        work.number(2) === 0 ? null : await work.some('couriers', 'id'),
        await work.some('customers', 'id'),
        work.pick([0, 1, null]),
        await work.some('orders', 'number'),
      ],
    )),
  async work =>
    void (await work.run('UPDATE orders SET number = ? WHERE number = ?', [
      work.number(400) - 20,
      await work.some('orders', 'number'),
    ])),
  async work =>
    void (await work.run('DELETE FROM orders WHERE number = ?', [await work.some('orders', 'number')])),
  async work =>
    void (await work.run(
      'UPDATE order_lines SET kind = ?, line = line + 1, price = price * -1.5 WHERE order_number = ?',
      [work.pick(KINDS), await work.some('orders', 'number')],
    )),
  async work =>
    void (await work.run('DELETE FROM order_lines WHERE order_number = ? AND kind = ?', [
      await work.some('orders', 'number'),
      work.pick(KINDS),
    ])),
  async work => {
    const number = work.number(4) === 0 ? null : await work.some('orders', 'number');
    await work.run('INSERT INTO deliveries VALUES (UNHEX(?), ?, ?, ?, ?)', [
      work.uuid().replaceAll('-', ''),
      number,
      work.pick(KINDS),
      work.number(3),
      work.pick(['-12:00:01', '838:59:59', null]),
    ]);
  },
  async work =>
    void (await work.run('UPDATE deliveries SET line = ?, kind = ? ORDER BY id LIMIT 2', [
      work.number(3),
      work.pick([...KINDS, null]),
    ])),
  addOffer,
  addOffer,
  async work =>
    void (await work.run('UPDATE offers SET article = ?, state = ?, changed_at = ? WHERE id = ?', [
      work.pick(ARTICLES),
      work.pick(['best', 'BEST', 'odd', null]),
      work.pick(MOMENTS),
      await work.some('offers', 'id'),
    ])),
  async work => void (await work.run('DELETE FROM offers WHERE id = ?', [await work.some('offers', 'id')])),
];

async function addCustomer(work: ShopWorkload): Promise<void> {
  const region = await work.some('regions', 'code');
  if (region === null) return;
  await work.run(
    'INSERT INTO customers (id, region_code, given_name, family_name, mail, credit, standing, note) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    [
      work.uuid(),
      region,
      work.pick(NAMES),
      work.pick(NAMES),
      work.pick(MAILS),
      work.pick([null, '-0.50', '12345.67']),
      work.pick(STANDINGS),
      work.pick(NOTES),
    ],
  );
}

async function addOrder(work: ShopWorkload): Promise<void> {
  const customer = await work.some('customers', 'id');
  if (customer === null) return;
  const number = work.number(400) - 20;
  await work.run('INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?)', [
    number,
    customer,
    work.number(2) === 0 ? null : await work.some('couriers', 'id'),
    work.pick(STATES),
    work.pick(MOMENTS),
    work.pick([0, 1, null]),
  ]);
  for (let line = 0; line < 3; line++)
    await work.run('INSERT INTO order_lines VALUES (?, ?, ?, ?, ?, ?)', [
      number,
      work.pick(KINDS),
      line,
      work.pick(ARTICLES),
      work.pick([null, '1.125', '-20']),
      work.pick(['a', 'c,a', '', null]),
    ]);
}

async function addOffer(work: ShopWorkload): Promise<void> {
  await work.run(
    'INSERT INTO offers (region_code, article, day, price, state, changed_at) VALUES (?, ?, ?, ?, ?, ?)',
    [
      work.pick([...REGIONS, null]),
      work.pick(ARTICLES),
      work.pick(['2024-01-01', '2024-01-02']),
      work.number(1000) / 100,
      work.pick(['best', 'old', 'odd', null]),
      work.pick(MOMENTS),
    ],
  );
}
