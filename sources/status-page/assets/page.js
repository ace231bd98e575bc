import { element, show, count } from './elements.js';
import { cacheDetail } from './detail.js';
import { cacheTable, statusChips } from './overview.js';

/** Milliseconds between two updates, also while the server does not answer. */
const interval = 2000;
const page = 100;
/** Maximum number of caches in one answer. */
const maxRows = 200;

const place = (id) => document.getElementById(id);
/** The filters in the address. */
function addressed() {
  const kept = new URLSearchParams(location.hash.slice(1));
  return { q: kept.get('q') ?? '', status: kept.get('status') ?? '', open: kept.get('open') ?? '' };
}
/** The current filters; kept in the address, so that it can be shared. */
const asked = { ...addressed(), limit: page };
const detail = { query: '', state: '', nodesAt: 0, imagesAt: 0, node: '', nodeImages: undefined, cache: undefined };
let overview;
let updatedAt = Date.now();
let isLost = false;

const remember = () => {
  const kept = Object.entries({ q: asked.q, status: asked.status, open: asked.open }).filter(
    ([, value]) => value !== '',
  );
  history.replaceState(null, '', kept.length === 0 ? location.pathname : `#${new URLSearchParams(kept)}`);
};

/** Requests data; the browser's own cache answers what has not changed. undefined if it does not exist any more. */
async function ask(what, query) {
  const answer = await fetch(`api/${what}?${new URLSearchParams(query)}`, { signal: AbortSignal.timeout(10_000) });
  if (answer.status === 404) return undefined;
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
  return answer.json();
}

/** Only the latest update is shown. */
let updates = 0;
async function update() {
  const mine = (updates += 1);
  try {
    const found = await Promise.all([
      ask('caches', { q: asked.q, status: asked.status, limit: asked.limit }),
      ...askForDetail(),
    ]);
    if (mine !== updates) return;
    accept(found);
  } catch {
    if (mine !== updates) return;
    isLost = true;
    draw();
  }
}

function askForDetail() {
  if (asked.open === '') return [];
  const [namespace, name] = asked.open.split('/');
  const { query: q, state, nodesAt, imagesAt, node } = detail;
  const cache = ask('cache', { namespace, name, q, state, 'nodes-offset': nodesAt, 'images-offset': imagesAt });
  return node === '' ? [cache] : [cache, ask('node', { namespace, name, node })];
}

function accept([caches, cache, nodeImages]) {
  const before = JSON.stringify([overview, detail.cache, detail.nodeImages]);
  const failed = overview?.statuses.Failed;
  overview = caches;
  detail.cache = asked.open === '' ? undefined : cache;
  detail.nodeImages = nodeImages;
  if (asked.open !== '' && cache === undefined) asked.open = '';
  const wasLost = isLost;
  isLost = false;
  updatedAt = Date.now();
  if (failed !== undefined && failed !== caches.statuses.Failed)
    announce(`${count(caches.statuses.Failed, 'cache')} failed`);
  if (wasLost || before !== JSON.stringify([overview, detail.cache, detail.nodeImages])) draw();
  else drawState();
}

const announce = (text) => (place('told').textContent = text);

function draw() {
  drawState();
  if (overview === undefined) return;
  const isFiltered = asked.q !== '' || asked.status !== '';
  show(
    place('statuses'),
    ...statusChips(
      overview.statuses,
      asked.status,
      choose((status) => Object.assign(asked, { status, limit: page })),
    ),
  );
  const { caches } = overview;
  const parts = {
    open: asked.open,
    detail: asked.open === '' ? [] : cacheDetail(detail.cache, detail, asks),
    onToggle,
    onMore: asked.limit < maxRows ? onMore : undefined,
  };
  if (caches.total > 0) show(place('caches'), ...cacheTable(caches, parts));
  else show(place('caches'), isFiltered ? nothingMatches() : nothingThere());
  place('caches').setAttribute('aria-busy', String(isLost));
}

function drawState() {
  const source = overview?.source;
  const state = isLost ? 'lost' : (source ?? 'connecting');
  const texts = {
    lost: 'Disconnected',
    connecting: 'Connecting',
    live: 'Live',
    reading: 'Reading the cluster',
    standby: 'Standing by',
  };
  if (place('live').dataset.state !== state)
    Object.assign(place('live'), { textContent: texts[state] }).dataset.state = state;
  place('version').textContent = overview === undefined ? '' : `imagecache-functions ${overview.version}`;
  document.body.classList.toggle('lost', isLost);
  banner(
    isLost
      ? `No answer since ${new Date(updatedAt).toLocaleTimeString()}: this page may be out of date. Retrying.`
      : source === 'standby'
        ? 'This process is a standby: open the status page of the leader, which watches the caches.'
        : '',
  );
}

function banner(text) {
  if (place('banner').textContent === text) return;
  place('banner').textContent = text;
  place('banner').hidden = text === '';
}

const nothingMatches = () =>
  element(
    'div',
    { class: 'empty' },
    element('h2', {}, 'Nothing matches'),
    element('p', {}, 'No cache has that status, and that text in its namespace, name or images.'),
    element('button', { type: 'button', class: 'chip', onclick: clear }, 'Show all'),
  );

function nothingThere() {
  if (overview.source !== 'live')
    return element(
      'div',
      { class: 'empty' },
      element('p', {}, overview.source === 'reading' ? 'Reading the cluster …' : 'This process does not watch caches.'),
    );
  return element(
    'div',
    { class: 'empty' },
    element('h2', {}, 'No image caches yet'),
    element('p', {}, 'An ImageCache lists images and selects the nodes to keep them on:'),
    element('pre', {}, element('code', {}, 'kubectl apply -f deploy/samples/imagecache.yaml')),
    element('p', {}, 'It appears here once it is created.'),
  );
}

/** An action of the user: draws what is known at once, and the answer when it arrives. */
const choose = (change) => (value) => {
  change(value);
  remember();
  draw();
  void update();
};

const closed = { query: '', state: '', nodesAt: 0, imagesAt: 0, node: '', nodeImages: undefined, cache: undefined };
const onToggle = choose((key) => {
  Object.assign(detail, closed);
  asked.open = asked.open === key ? '' : key;
});
const onMore = choose(() => (asked.limit = Math.min(maxRows, asked.limit + page)));
const asks = {
  state: choose((state) => Object.assign(detail, { state, nodesAt: 0 })),
  query: choose((query) => Object.assign(detail, { query, nodesAt: 0 })),
  nodesAt: choose((at) => (detail.nodesAt = at)),
  imagesAt: choose((at) => (detail.imagesAt = at)),
  node: choose((node) => Object.assign(detail, { node: detail.node === node ? '' : node, nodeImages: undefined })),
};
const clear = choose(() => {
  Object.assign(asked, { q: '', status: '' });
  place('query').value = '';
  place('query').focus();
});

place('query').value = asked.q;
place('query').addEventListener('input', ({ target }) =>
  choose((q) => Object.assign(asked, { q, limit: page }))(target.value),
);
// A link to another view, opened in this tab. What this page writes to the address itself is no such change.
window.addEventListener('hashchange', () => {
  Object.assign(detail, closed);
  Object.assign(asked, addressed(), { limit: page });
  place('query').value = asked.q;
  draw();
  void update();
});
document.addEventListener('keydown', (event) => {
  if (event.key !== '/' || event.target.matches('input') || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  place('query').focus();
});

for (;;) {
  if (!document.hidden) await update();
  await new Promise((resolve) => setTimeout(resolve, interval));
}
