/**
 * The four tables of the Organization Service, only where they do not exist, as its ORM would have made
 * them. They are its own: going down leaves them.
 */
import type {Knex} from 'knex';
import {TARGET_ROLES} from '../src/mapping/tables.ts';

export async function up(knex: Knex): Promise<void> {
  if (!(await knex.schema.hasTable('institute'))) {
    await knex.schema.createTable('institute', table => {
      table.bigInteger('instituteId').notNullable().primary();
      table.string('name', 255).notNullable();
      table.string('imageUrl', 1024).nullable();
      timestamps(table);
    });
  }
  if (!(await knex.schema.hasTable('user'))) {
    await knex.schema.createTable('user', table => {
      table.bigInteger('userId').notNullable().primary();
      table.string('name', 511).notNullable();
      table.string('email', 255).notNullable().unique({indexName: 'user_email_unique'});
      table.string('password', 255).notNullable();
      timestamps(table);
    });
  }
  if (!(await knex.schema.hasTable('institute_users'))) {
    await knex.schema.createTable('institute_users', table => {
      table.bigInteger('instituteId').notNullable();
      table.bigInteger('userId').notNullable();
      table.enum('role', TARGET_ROLES).notNullable().defaultTo('STUDENT');
      table.boolean('isActive').notNullable().defaultTo(true);
      timestamps(table);
      table.primary(['instituteId', 'userId']);
      table.foreign('instituteId').references('institute.instituteId');
      table.foreign('userId').references('user.userId');
    });
  }
  if (!(await knex.schema.hasTable('user_auth'))) {
    await knex.schema.createTable('user_auth', table => {
      table.bigInteger('userId').notNullable().primary();
      table.string('password', 255).notNullable();
      timestamps(table);
      table.foreign('userId').references('user.userId');
    });
  }
}

export function down(): Promise<void> {
  return Promise.resolve();
}

function timestamps(table: Knex.CreateTableBuilder): void {
  table.specificType('createdAt', 'DATETIME(3)').notNullable();
  table.specificType('updatedAt', 'DATETIME(3)').notNullable();
  table.engine('InnoDB');
  table.charset('utf8mb4');
}
