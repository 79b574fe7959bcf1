/** A page to try the API, built from its own description. */
import type {FC} from 'hono/jsx';
import {z} from 'zod';
import type {Access} from '../context.ts';
import type {ApiDocument} from '../openapi.ts';
import {Document} from './elements.tsx';

/** The parts of an operation that the page shows; the document is ours, but its type allows nearly anything. */
const operationSchema = z.object({
  summary: z.string().default(''),
  description: z.string().default(''),
  tags: z.array(z.string()).default([]),
  parameters: z
    .array(
      z.object({
        name: z.string(),
        in: z.string(),
        required: z.boolean().default(false),
        schema: z
          .object({type: z.unknown(), enum: z.array(z.string()).optional(), default: z.unknown()})
          .partial()
          .default({}),
      }),
    )
    .default([]),
  requestBody: z.unknown().optional(),
});
interface Operation extends z.output<typeof operationSchema> {
  readonly path: string;
  readonly method: string;
}

export const ApiPage: FC<{document: ApiDocument; name: string; access: Access}> = ({
  document,
  name,
  access,
}) => {
  const operations = listOperations(document);
  const tags = [...new Set(operations.map(operation => operation.tags[0] ?? ''))];
  return (
    <Document
      title={`API · ${name} · laas-sync`}
      styles={['theme.css', 'frame.css', 'dashboard.css', 'tables.css', 'api-page.css', 'narrow.css']}
      scripts={['api-page.js']}
      class="api"
    >
      <header class="top">
        <h1>
          <a class="brand" href="/">
            laas-sync
          </a>
          <span class="environment">{name}</span>
        </h1>
        <p class="states">API</p>
        {access === 'read' ? (
          <label class="token">
            Full token, for writes
            <input type="password" id="token" autocomplete="off" spellcheck={false} />
          </label>
        ) : null}
      </header>
      <main id="main">
        <p class="note">
          Everything here is sent to this server, as it is. Its description:{' '}
          <a href="/openapi.json">/openapi.json</a>.
        </p>
        {tags.map(tag => (
          <section aria-labelledby={`tag-${slug(tag)}`}>
            <h2 id={`tag-${slug(tag)}`}>{tag}</h2>
            {operations
              .filter(operation => operation.tags[0] === tag)
              .map(operation => (
                <OperationForm {...operation} />
              ))}
          </section>
        ))}
      </main>
    </Document>
  );
};

const OperationForm: FC<Operation> = operation => {
  const {method, path, summary, description, parameters} = operation;
  const id = slug(`${method}-${path}`);
  return (
    <details class="panel operation" id={id}>
      <summary>
        <span class="method" data-method={method}>
          {method.toUpperCase()}
        </span>
        <code>{path}</code>
        <span class="note">{summary}</span>
      </summary>
      <p>{withCode(description)}</p>
      <form data-method={method} data-path={path}>
        {parameters.map(parameter => (
          <label>
            {parameter.name}
            <input
              name={parameter.name}
              data-in={parameter.in}
              required={parameter.required}
              placeholder={hint(parameter.schema)}
              autocomplete="off"
            />
          </label>
        ))}
        {operation.requestBody === undefined ? null : (
          <label>
            Body
            <textarea name="body" rows={3} spellcheck={false}>
              {'{"mode": "diff", "wait": true, "allowDeletes": false}'}
            </textarea>
          </label>
        )}
        <button type="submit">Send</button>
      </form>
      <div class="answer" aria-live="polite" hidden>
        <p class="note" data-answer="status" />
        <pre
          tabindex={0}
          role="region"
          aria-label={`Answer of ${method.toUpperCase()} ${path}`}
          data-answer="body"
        />
      </div>
    </details>
  );
};

function listOperations(document: ApiDocument): readonly Operation[] {
  return Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    (['get', 'post'] as const).flatMap(method => {
      const operation: unknown = item[method];
      return operation === undefined ? [] : [{...operationSchema.parse(operation), path, method}];
    }),
  );
}

function hint(schema: {readonly enum?: readonly string[] | undefined; readonly default?: unknown}): string {
  if (schema.enum !== undefined) return schema.enum.join(', ');
  return typeof schema.default === 'number' || typeof schema.default === 'string'
    ? String(schema.default)
    : '';
}

/** Text between backticks is shown as code. */
function withCode(text: string) {
  return text.split('`').map((part, i) => (i % 2 === 1 ? <code>{part}</code> : part));
}

function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
}
