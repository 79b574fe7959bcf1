/**
 * Does nothing. It created the tables of the Organization Service in version 0.1.0; now they come from the mapping,
 * and src/db/create-tables.ts creates missing ones after all migrations. The name stays in the list, because older
 * databases have recorded it.
 */
export function up(): Promise<void> {
  return Promise.resolve();
}

export function down(): Promise<void> {
  return Promise.resolve();
}
