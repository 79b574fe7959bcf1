import {describe, expect, it} from 'vitest';
import {apiSchemas} from '../../../src/server/mapped-schemas.ts';
import {mappingSchema} from '../../../src/server/schemas.ts';
import {parseMapping} from '../../../src/mapping/file/read.ts';
import {LAAS} from '../../helpers/laas-mapping.ts';
import {appUnderTest, FULL, READ} from './app-under-test.ts';

const CHANGED = 'mapping-changed: the last run used another mapping; a reconcile brings it up';

describe('GET /sync/mapping', () => {
  it('shows where each column comes from, by the read token as well', async () => {
    const {call} = appUnderTest({apiToken: FULL, readToken: READ});
    expect((await call('/sync/mapping')).status).toBe(401);
    const response = await call('/sync/mapping', {token: READ});
    expect(response.status).toBe(200);
    const body: unknown = await response.json();
    expect(mappingSchema.parse(body)).toEqual(body);
    expect(body).toMatchObject({changed: false});
    const {tables} = mappingSchema.parse(body);
    expect(tables.map(({table}) => table)).toEqual(['institute', 'user', 'institute_users', 'user_auth']);
    const [, user, memberships] = tables;
    expect(user?.conditions).toEqual(['is_active = 1', 'email is not null', 'password is not null']);
    expect(user?.columns.slice(1, 3)).toEqual([
      {column: 'name', from: ['first_name', 'last_name'], operator: 'join', detail: "with ' '", checks: []},
      {column: 'email', from: ['email'], operator: 'trim', detail: '', checks: ['email']},
    ]);
    expect(memberships?.parents).toEqual([
      {table: 'institute', columns: ['instituteId']},
      {table: 'user', columns: ['userId']},
    ]);
    expect(memberships?.columns.find(({column}) => column === 'role')?.detail).toBe(
      "ADMIN, TEACHER → FACULTY, INSTRUCTOR → FACULTY, STUDENT, STAFF, DIRECTOR; otherwise 'STUDENT'",
    );
  });

  it('says that the last run used another mapping, and so does the page', async () => {
    const {call, operations} = appUnderTest();
    const hidden = /data-show="mapping-changed" hidden/;
    expect(await (await call('/')).text()).toMatch(hidden);
    operations.change({warnings: [CHANGED]});
    expect(await (await call('/sync/mapping')).json()).toMatchObject({changed: true});
    expect(await (await call('/')).text()).not.toMatch(hidden);
  });

  it('is in the description of the API, with the names of the mapping', async () => {
    const {call} = appUnderTest();
    const document = await (await call('/openapi.json')).text();
    expect(document).toContain('"/sync/mapping"');
    expect(document).toContain('"institute_users"');
  });
});

describe('the dashboard', () => {
  it('has a panel with each table and its conditions', async () => {
    const page = await (await appUnderTest().call('/')).text();
    expect(
      [...page.matchAll(/<details class="mapped"><summary><strong>(\w+)</g)].map(([, name]) => name),
    ).toEqual(['institute', 'user', 'institute_users', 'user_auth']);
    expect(page).toContain('Only rows with name is not null.');
  });
});

describe('the shapes of the API', () => {
  it('have the tables and labels of the mapping, in its order', () => {
    const mapping = parseMapping(
      JSON.stringify({
        version: 1,
        counts: ['b rows'],
        tables: {
          a: {from: 'as', key: 'id', columns: {id: 'id', code: {copy: 'code', check: 'notEmpty'}}},
          b: {from: 'bs', label: 'b rows', key: 'id', columns: {id: 'id'}},
        },
      }),
      'test',
    );
    const {status, verdict, deadLettersQuery, deadLetterPage} = apiSchemas(mapping);
    const {organizationService, foreignRows} = status.shape;
    expect(Object.keys(organizationService.unwrap().shape)).toEqual(['b rows', 'a']);
    expect(Object.keys(foreignRows.unwrap().shape)).toEqual(['a', 'b']);
    expect(Object.keys(verdict.shape.tables.shape)).toEqual(['a', 'b']);
    expect(deadLettersQuery.safeParse({table: 'user'}).success).toBe(false);
    const [letter] = [deadLetterPage.shape.items.unwrap().element.shape.code];
    expect(letter.options).toContain('invalid-code');
  });

  it('of LAAS have the labels and tables of the contract', () => {
    const {status, run} = apiSchemas(LAAS);
    expect(Object.keys(status.shape.sourceDatabase.unwrap().shape)).toEqual([
      'users',
      'institutes',
      'instituteUsers',
      'userAuth',
    ]);
    expect(Object.keys(run.shape.tables.shape)).toEqual([
      'institute',
      'user',
      'institute_users',
      'user_auth',
    ]);
  });
});
