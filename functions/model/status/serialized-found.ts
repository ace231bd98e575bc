import type { FoundImages, FoundPlacement } from '#model/cache/found-images.ts';
import { type SerializedFields, text, time } from './optional-fields.ts';

/** The field with the images of workloads; none if they were never recorded. */
export function serializedFound({ lists, pullSecrets, recordedAt, problem }: FoundImages): SerializedFields {
  if (recordedAt === undefined) return {};
  return {
    imagesFrom: {
      lists: lists.map(({ list, listHash, pods, images }) => ({
        list,
        ...text('listHash', listHash),
        ...(pods === undefined ? {} : { placement: serializedPods(pods) }),
        images: images.map(({ unnamedSince, ...image }) => ({ ...image, ...time('unnamedSince', unnamedSince) })),
      })),
      ...(pullSecrets.length === 0
        ? {}
        : {
            imagePullSecrets: pullSecrets.map(({ name, unnamedSince }) => ({
              name,
              ...time('unnamedSince', unnamedSince),
            })),
          }),
      ...time('recordedTime', recordedAt),
      ...text('problem', problem),
    },
  };
}

const serializedPods = ({ nodeSelector, terms, tolerations }: FoundPlacement): SerializedFields => ({
  nodeSelector,
  nodeSelectorTerms: terms.map((matchExpressions) => ({ matchExpressions })),
  tolerations,
});
