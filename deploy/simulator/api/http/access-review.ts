import { isObject, objectAt } from '../../json.ts';
import { type Answer, json } from './answer.ts';
import type { ApiRequest } from './request.ts';

const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews' as const;

/** `kubectl auth can-i`: whoever reaches this cluster may do everything that it can do. */
export const accessReview = ({ method, path: asked, body }: ApiRequest): Answer | undefined => {
  if (method !== 'POST' || asked !== path || !isObject(body)) return undefined;
  const status = { allowed: true, reason: 'the simulator lets everybody do everything' };
  return json({ ...body, metadata: objectAt(body, 'metadata'), status }, 201);
};
