import * as z from 'zod/mini';

const listOf = <T extends z.core.$ZodType>(item: T) =>
  z.pipe(
    z.nullish(z.array(item)),
    z.transform((items): readonly z.output<T>[] => items ?? []),
  );
const text = z.pipe(
  z.nullish(z.string()),
  z.transform((value) => value ?? ''),
);

const pullPolicy = z.nullish(z.enum(['Always', 'IfNotPresent', 'Never']));
const container = z.object({ name: text, image: z.string(), imagePullPolicy: pullPolicy });
const requirement = z.object({
  key: z.string(),
  operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt']),
  values: listOf(z.string()),
});
const nodeSelector = z.object({
  nodeSelectorTerms: listOf(z.object({ matchExpressions: listOf(requirement), matchFields: listOf(requirement) })),
});
const toleration = z.object({
  key: z.exactOptional(z.string()),
  operator: z.exactOptional(z.string()),
  value: z.exactOptional(z.string()),
  effect: z.exactOptional(z.string()),
});

/** The fields of a PodSpec that decide which images it needs, where, and with whose credentials. */
export const podSpec = z.object({
  containers: z.array(container).check(z.minLength(1)),
  initContainers: listOf(container),
  ephemeralContainers: listOf(container),
  volumes: listOf(z.object({ name: text, image: z.nullish(z.object({ reference: text, pullPolicy })) })),
  imagePullSecrets: listOf(z.object({ name: text })),
  serviceAccountName: text,
  nodeName: text,
  nodeSelector: z.nullish(z.record(z.string(), z.string())),
  affinity: z.nullish(
    z.object({
      nodeAffinity: z.nullish(z.object({ requiredDuringSchedulingIgnoredDuringExecution: z.nullish(nodeSelector) })),
    }),
  ),
  tolerations: listOf(toleration),
  os: z.nullish(z.object({ name: z.string() })),
});
export type PodSpec = z.infer<typeof podSpec>;

/** A requirement of a node selector on a label or a field. */
export type Requirement = z.infer<typeof requirement>;
/** A term of a node selector: all its requirements must match. */
export type SelectorTerm = z.infer<typeof nodeSelector>['nodeSelectorTerms'][number];
