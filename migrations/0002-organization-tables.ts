/**
 * Once made the tables of the Organization Service. They come from the mapping now and are made after all
 * migrations (src/db/create-tables.ts), so that a table that is new in a mapping is made as well. The name
 * stays in the list, since older databases have it recorded.
 */
export function up(): Promise<void> {
  return Promise.resolve();
}

export function down(): Promise<void> {
  return Promise.resolve();
}
