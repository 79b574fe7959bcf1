/** Each manifest against the schema of the Kubernetes API, by its kind; and no field that the API does not know. */
import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {describe, expect, it} from 'vitest';
import {Deployment} from 'kubernetes-models/apps/v1';
import {NetworkPolicy} from 'kubernetes-models/networking.k8s.io/v1';
import {PodDisruptionBudget} from 'kubernetes-models/policy/v1';
import {ConfigMap, Namespace, Secret, Service} from 'kubernetes-models/v1';
import {parseAllDocuments} from 'yaml';
import {z} from 'zod';

const folder = join(import.meta.dirname, '../../../deploy/kubernetes');
const KINDS = [ConfigMap, Deployment, Namespace, NetworkPolicy, PodDisruptionBudget, Secret, Service];
const objectSchema = z.looseObject({apiVersion: z.string(), kind: z.string()});

const manifests = readdirSync(folder)
  .filter(name => name !== 'kustomization.yaml') // kustomize's own; `kubectl kustomize` reads it
  .flatMap(name =>
    parseAllDocuments(readFileSync(join(folder, name), 'utf8')).map(document => ({
      name,
      object: objectSchema.parse(document.toJS()),
    })),
  );

/**
 * The schemas let unknown fields pass, which the API server refuses (or drops). But a validator reads each
 * field that it knows, so the fields that it never read are unknown.
 */
function watched<T extends object>(object: T, path: string, unread: Set<string>): T {
  const inside = new Map<string, object>();
  for (const key of Object.keys(object)) unread.add(`${path}.${key}`);
  return new Proxy(object, {
    get(target, key, receiver) {
      const value: unknown = Reflect.get(target, key, receiver);
      if (typeof key === 'symbol') return value;
      unread.delete(`${path}.${key}`);
      if (typeof value !== 'object' || value === null) return value;
      const known = inside.get(key) ?? watched(value, `${path}.${key}`, unread);
      inside.set(key, known);
      return known;
    },
  });
}

function validate(object: z.infer<typeof objectSchema>): {errors: string | null; unknown: string[]} {
  const kind = KINDS.find(each => each.kind === object.kind && each.apiVersion === object.apiVersion);
  if (kind === undefined) throw new Error(`no schema for ${object.apiVersion} ${object.kind}`);
  const unread = new Set<string>();
  const made = Object.setPrototypeOf(watched(object, '', unread), kind.prototype as object) as {
    validate(): void;
  };
  try {
    made.validate();
    return {errors: null, unknown: [...unread]};
  } catch (error) {
    return {errors: String(error), unknown: [...unread]};
  }
}

describe('the manifests', () => {
  it.each(manifests)('$name fits the schema of its kind', ({object}) => {
    expect(validate(object)).toEqual({errors: null, unknown: []});
  });

  it('are checked: a wrong type, a missing field and an unknown one are found', () => {
    const service = (spec: object) => ({apiVersion: 'v1', kind: 'Service', metadata: {name: 'x'}, spec});
    const port = {port: 80, targetPort: 'http'};
    expect(validate(service({ports: [port]}))).toEqual({errors: null, unknown: []});
    expect(validate(service({ports: [{...port, port: '80'}]})).errors).toContain('/spec/ports/0/port');
    expect(validate(service({ports: [{targetPort: 80}]})).errors).toContain('required property port');
    expect(validate(service({ports: [{...port, targetprt: 1}]})).unknown).toEqual([
      '.spec.ports.0.targetprt',
    ]);
    expect(validate(service({selectr: {}})).unknown).toEqual(['.spec.selectr']);
  });
});
