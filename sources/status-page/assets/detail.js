import { counts, element, grouped, headRow, imageName } from './elements.js';
import { removalsInWords } from './overview.js';
import { nodeSection } from './nodes.js';
import { pager } from './pager.js';

/** The details of one cache: its message, nodes and images. `asks` are the actions of the page. */
export function cacheDetail(cache, shown, asks) {
  if (cache === undefined) return [element('p', { class: 'quiet' }, 'Reading …')];
  const tone = cache.status === 'Failed' || cache.nodes.failing > 0 ? 'message bad' : 'message';
  const removal = removalsInWords(cache.removals);
  return [
    cache.message === '' ? '' : element('p', { class: tone }, cache.message),
    ...cache.limits.map((line) => element('p', { class: 'message quiet' }, line)),
    cache.unread === '' ? '' : element('p', { class: 'message bad' }, `Workloads: ${cache.unread}`),
    removal === '' ? '' : element('p', { class: 'message quiet' }, `Image removals: ${removal}`),
    element('div', { class: 'columns' }, nodeSection(cache, shown, asks), imageSection(cache, asks)),
  ];
}

function imageSection({ imageRows: { rows, offset, total } }, asks) {
  const heading = [element('h2', {}, 'Images'), element('span', { class: 'quiet' }, grouped(total))];
  const table = element(
    'table',
    { class: 'inner' },
    element('caption', { class: 'unseen' }, 'Images, those that failed first'),
    headRow('Image', 'On nodes'),
    element('tbody', {}, rows.map(imageRow)),
  );
  return element(
    'section',
    { 'aria-label': 'Images' },
    element('div', { class: 'heading' }, heading),
    total === 0 ? element('p', { class: 'quiet' }, 'No node holds an image yet.') : table,
    pager({ key: 'images', rows, offset, total, onMove: asks.imagesAt }),
  );
}

/** By the values of `status.images[].access`; nothing is said of images that any Pod can start. */
const limits = {
  PullSecrets: 'only Pods with its pull secrets',
  ServiceAccount: 'only Pods with its service account',
  Unknown: 'not known which Pods can start it',
};
const limitTitle = 'Pods that can start the image while its registry cannot be reached';

/** The workloads that an image is there for, in words; '' if it is only in a list. */
function originInWords(origin) {
  if (origin === undefined) return '';
  if (origin.count === 0) return 'no workload names it any more';
  const more = origin.count - origin.workloads.length;
  return `for ${origin.workloads.join(', ')}${more > 0 ? ` and ${grouped(more)} more` : ''}`;
}

function imageRow({ image, digest, ready, failing, failed, open, access, origin }) {
  const trying = failing > 0 ? [`${grouped(failing)} failing`] : [];
  const words = [grouped(ready), ...trying, ...(failed > 0 ? [`${grouped(failed)} failed`] : [])].join(' · ');
  const limit = limits[access] ?? '';
  const note = limit === '' ? '' : element('div', { class: 'quiet', title: limitTitle }, limit);
  const source = originInWords(origin);
  const whose = source === '' ? '' : element('div', { class: 'quiet' }, source);
  return element(
    'tr',
    {},
    element('th', { scope: 'row' }, imageName(image, digest), whose, note),
    counts({ ready, pulling: open, failing, failed }, words),
  );
}
