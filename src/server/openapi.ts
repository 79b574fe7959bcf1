/** GET /openapi.json: made from the schemas that requests are validated by. */
import {readFileSync} from 'node:fs';
import {z} from 'zod';
import type {App} from './context.ts';

const DESCRIPTION = `laas-sync keeps one database's tables equal to another's. This is what its operator may see and do.

Send the token as \`Authorization: Bearer …\`. The read token may use GET only. Whatever is refused or fails has one shape of body: Problem.`;

/** What the page to try the API needs of the document. */
export type ApiDocument = ReturnType<App['getOpenAPI31Document']>;

/** Registers the document of every route that was registered before; returns it as well. */
export function describeApi(app: App, streamName: string): ApiDocument {
  app.openAPIRegistry.registerComponent('securitySchemes', 'token', {type: 'http', scheme: 'bearer'});
  const document = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {title: `laas-sync: ${streamName}`, version: packageVersion(), description: DESCRIPTION},
    servers: [{url: '/'}],
  });
  app.get('/openapi.json', c => c.json(document));
  return document;
}

/** From package.json, which lies one folder further up from the built files than from the sources. */
export function packageVersion(): string {
  for (const up of ['../../package.json', '../../../package.json']) {
    try {
      const parsed = z
        .object({name: z.literal('laas-sync'), version: z.string()})
        .safeParse(JSON.parse(readFileSync(new URL(up, import.meta.url), 'utf8')));
      if (parsed.success) return parsed.data.version;
    } catch {
      // Not there: the next folder may have it.
    }
  }
  return 'unknown';
}
