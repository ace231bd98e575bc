import { duration, namespaceNames, objectNames, taintKeys, wholeNumber } from '#runtime/config/setting.ts';
import { both } from './row.ts';

/** Limits of what one ImageCache may ask for. A cache that exceeds one is refused, and its status says so. */
export const limitRows = {
  maxImages: both('max-images', wholeNumber(0), {
    fallback: '1000',
    doc: 'Maximum number of images in one cache, over all its lists; 0: no limit but that of the CRD, 1,000 in each list',
  }),
  maxImageBytes: both('max-image-bytes', wholeNumber(0), {
    fallback: '131072',
    doc: 'Maximum length in bytes of all image references in one cache together, which bounds the size of its status; 0: no limit',
  }),
  maxPullsPerNode: both('max-pulls-per-node', wholeNumber(0), {
    fallback: '10',
    doc: 'Maximum of spec.pullsPerNode; 0: no limit',
  }),
  maxPodsPerNode: both('max-pods-per-node', wholeNumber(0), {
    fallback: '16',
    doc: 'Maximum number of pull Pods on one node at once, over all caches of all namespaces: the node waits for further ones with reason NodeBusy; 0: no limit',
  }),
  maxNamespacePodsPerNode: both('max-namespace-pods-per-node', wholeNumber(0), {
    fallback: '13',
    doc: 'How many of these may be of one namespace, at most all but one; fewer while others pull there: an equal share; 0: as many as --max-pods-per-node',
  }),
  maxPullDeadline: both('max-pull-deadline', duration(0), {
    fallback: '2h',
    doc: 'Maximum of spec.pullDeadlineSeconds; 0s: no limit',
  }),
  priorityClasses: both('priority-classes', objectNames, {
    fallback: '',
    doc: 'Priority classes that spec.priorityClassName may name, separated by commas; empty: all but those of the system, which begin with system-',
  }),
  warmGateTaints: both('warm-gate-taints', taintKeys, {
    fallback: '',
    doc: 'Keys of the startup taints that spec.warmGate may remove from nodes, separated by commas; empty: the warm gate is off',
  }),
  warmGateNamespaces: both('warm-gate-namespaces', namespaceNames, {
    fallback: '',
    doc: 'Namespaces whose caches may hold nodes by spec.warmGate, separated by commas; empty: none, so that nodes with such a taint are released once they are Ready',
  }),
  warmGateMaxTimeout: both('warm-gate-max-timeout', duration(0), {
    fallback: '15m',
    doc: 'Maximum of spec.warmGate.timeoutSeconds: a cache that asks for more holds a node no longer than this; 0s: no limit',
  }),
} as const;
