/** GET /openapi.json: built from the schemas that validate requests. */
import {packageVersion} from '../version.ts';
import type {App} from './context.ts';

const DESCRIPTION = `laas-sync keeps one database's tables equal to another's. This is what its operator may see and do.

Send the token as \`Authorization: Bearer …\`. The read token may use GET only. Whatever is refused or fails has one shape of body: Problem.`;

/** The parts of the document that the API page needs. */
export type ApiDocument = ReturnType<App['getOpenAPI31Document']>;

/** Registers the document of every route that was registered before; also returns it. */
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
