/** Prints a kustomization that makes the policies of one rendering those of another: policy-patches.mjs FROM TO FOLDER-OF-FROM */
import { readFileSync } from 'node:fs';
import { createPatch } from 'rfc6902';
import { parseAllDocuments, stringify } from 'yaml';

const manifestsIn = (path) => parseAllDocuments(readFileSync(path, 'utf8')).map((document) => document.toJS());

const [from, to, folder] = process.argv.slice(2);
const wanted = manifestsIn(to);
const patches = manifestsIn(from).flatMap((manifest, index) => {
  const operations = createPatch(manifest, wanted[index]);
  const target = { kind: manifest.kind, name: manifest.metadata.name };
  return operations.length === 0 ? [] : [{ target, patch: stringify(operations, { lineWidth: 0 }) }];
});
const kind = { apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization' };
process.stdout.write(stringify({ ...kind, resources: [folder], patches }, { lineWidth: 0 }));
