import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it as base, type TestContext, vi } from 'vitest';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { noUse } from '#model/cache/registry-use.ts';
import { browserPath, noBrowser, startBrowser } from './browser.ts';
import { busyCluster, cacheNamed, entry, foundIn, largeCluster, removal, troubledCluster } from './caches.ts';
import { servePage, type PageServer } from './page-server.ts';

const about = browserPath === undefined ? `the status page (skipped: ${noBrowser})` : 'the status page';

type Shown = { readonly page: Page; readonly server: PageServer; readonly complaints: string[] };
type Open = (caches: readonly ImageCache[], at?: string) => Promise<Shown>;

/** One for all pages, as each has a process of its own. */
let browser: BrowserContext;

/** Opens pages that are closed when the test has ended. */
const opener =
  (onTestFinished: TestContext['onTestFinished']): Open =>
  async (caches, at = '') => {
    const server = await servePage(caches);
    const page = await browser.newPage();
    onTestFinished(async () => {
      await page.close();
      await server.close();
    });
    page.setDefaultTimeout(15_000);
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
    const complaints: string[] = [];
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('dialog', (dialog) => {
      complaints.push(`dialog ${dialog.message()}`);
      void dialog.dismiss();
    });
    await page.goto(`${server.url}/${at}`);
    await page.locator('#live[data-state="live"]').waitFor();
    return { page, server, complaints };
  };

const it = base.extend<{ open: Open }>({ open: ({ onTestFinished }, use) => use(opener(onTestFinished)) });

describe.skipIf(browserPath === undefined).concurrent(about, { timeout: 60_000 }, () => {
  beforeAll(async () => {
    browser = await (await startBrowser()).newContext();
  }, 60_000);
  afterAll(() => browser.browser()?.close());

  const titles = (page: Page): Promise<string[]> => page.locator('.cache .toggle').allTextContents();
  const counted = (page: Page, selector: string, number: number): Promise<void> =>
    vi.waitFor(async () => expect(await page.locator(selector).count()).toBe(number), {
      timeout: 15_000,
      interval: 50,
    });
  const cacheButton = (page: Page, name: string) => page.getByRole('button', { name, exact: true });

  it('shows every cache in a table, failures first, without errors in the console', async ({ open }) => {
    const { page, complaints } = await open(busyCluster(Date.now()));
    expect((await titles(page)).slice(0, 2)).toEqual(['ml/training', 'shop/storefront']);
    expect(await page.getByRole('columnheader').allTextContents()).toEqual([
      'Cache',
      'Status',
      'Nodes',
      'Images',
      'Refreshed',
      'Next',
    ]);
    await page.getByRole('row', { name: /ml\/training Failed 9\/12 · 3 failed 1 of 4 failed/ }).waitFor();
    expect(complaints).toEqual([]);
  });

  it('updates by itself, keeps the keyboard focus, and announces failures to screen readers', async ({ open }) => {
    const { page, server } = await open([cacheNamed('a/one', { images: ['x:1'], nodes: { n: entry() } })]);
    await cacheButton(page, 'a/one').focus();
    server.know([
      cacheNamed(
        'a/one',
        { images: ['x:1'], nodes: { n: entry({ state: 'Failed', images: 'f' }) } },
        { status: 'Failed' },
      ),
      cacheNamed('b/two', { images: ['x:1'] }),
    ]);
    await cacheButton(page, 'b/two').waitFor();
    expect(await page.locator(':focus').textContent()).toBe('a/one');
    expect(await page.getByRole('status').textContent()).toBe('1 cache failed');
  });

  it('can be navigated from cache to node to image and back by keyboard', async ({ open }) => {
    const { page } = await open(busyCluster(Date.now()));
    await page.keyboard.press('/');
    await page.keyboard.type('training');
    await counted(page, '.cache', 1);
    await cacheButton(page, 'ml/training').focus();
    await page.keyboard.press('Enter');
    await cacheButton(page, 'gpu-2').waitFor();
    await cacheButton(page, 'gpu-2').focus();
    await page.keyboard.press('Enter');
    await page.getByText('ErrImagePull: rpc error').waitFor();
    expect(await cacheButton(page, 'gpu-2').getAttribute('aria-expanded')).toBe('true');
    expect(new URL(page.url()).hash).toBe('#q=training&open=ml%2Ftraining');
    await cacheButton(page, 'ml/training').focus();
    await page.keyboard.press('Enter');
    await page.locator('#detail').waitFor({ state: 'detached' });
  });

  it('shows the view in its URL', async ({ open }) => {
    const { page } = await open(busyCluster(Date.now()), 'status/#status=Failed&open=ml%2Ftraining');
    await cacheButton(page, 'gpu-2').waitFor();
    expect(await titles(page)).toContain('ml/training');
    expect(await page.getByRole('button', { name: 'Failed 1' }).getAttribute('aria-pressed')).toBe('true');
  });

  it('shows the view of a link that is opened in its tab', async ({ open }) => {
    const { page } = await open(busyCluster(Date.now()));
    await page.evaluate("location.hash = '#q=training&open=ml%2Ftraining'");
    await cacheButton(page, 'gpu-2').waitFor();
    await counted(page, '.cache', 1);
    expect(await page.locator('#query').inputValue()).toBe('training');
    await page.evaluate("location.hash = ''");
    await page.locator('#detail').waitFor({ state: 'detached' });
  });

  it('shows nodes that fail and are tried again, and no refresh in the past', async ({ open }) => {
    const message =
      'Image cache is being refreshed. 1 of 2 nodes cannot pull so far because r.example cannot be reached';
    const nodes = { a: entry(), b: entry({ state: 'Pulling', images: 'ew' }) };
    const failures = { 'x:1': [{ node: 'b', reason: 'ErrImagePull', message: 'dial tcp: connection refused' }] };
    const past = { status: 'Processing', nextRefreshTime: Date.now() - 600_000 } as const;
    const { page, server } = await open([
      cacheNamed('a/bad', { images: ['x:1'], nodes }, { ...past, message, failures }),
    ]);
    await page
      .getByRole('row', { name: /a\/bad Processing 1\/2 · 1 failing 1 of 1 failing .*after this one/ })
      .waitFor();
    await cacheButton(page, 'a/bad').click();
    await page.getByText('r.example cannot be reached').waitFor();
    await page.getByRole('row', { name: /b Failing/ }).waitFor();
    server.know([
      cacheNamed('a/bad', { images: ['x:1'], nodes: { a: entry() } }, { nextRefreshTime: Date.now() - 9000 }),
    ]);
    await page.getByRole('row', { name: /a\/bad Succeeded .*due/ }).waitFor();
  });

  it('shows a message when there are no caches and when none match', async ({ open }) => {
    const { page, server } = await open([]);
    await page.getByRole('heading', { name: 'No image caches yet' }).waitFor();
    server.know(busyCluster(Date.now()));
    await cacheButton(page, 'ml/training').waitFor();
    await page.getByRole('searchbox').fill('no such thing');
    await page.getByRole('heading', { name: 'Nothing matches' }).waitFor();
    await page.getByRole('button', { name: 'Show all' }).click();
    await cacheButton(page, 'ml/training').waitFor();
  });

  it('shows when the connection is lost, and recovers by itself', async ({ open, onTestFinished }) => {
    const { page, server } = await open(busyCluster(Date.now()));
    await server.close();
    await page.getByRole('alert').filter({ hasText: 'No answer since' }).waitFor();
    expect(await page.locator('#live').textContent()).toBe('Disconnected');
    expect((await titles(page)).length).toBe(6);
    const again = await servePage([], Number(new URL(server.url).port));
    onTestFinished(again.close);
    await page.getByRole('heading', { name: 'No image caches yet' }).waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
  });

  it('shows the progress of a purge', async ({ open }) => {
    const removals = { a: removal('Removed'), b: removal('Removing'), c: removal('Failed') };
    const { page } = await open([cacheNamed('a/gone', { images: ['x:1'] }, { status: 'Processing', removals })]);
    await page.getByRole('row', { name: /a\/gone Processing removed from 1\/3 · 1 failed/ }).waitFor();
    await cacheButton(page, 'a/gone').click();
    await page.getByText('Image removals: removed from 1/3 · 1 failed').waitFor();
  });

  it('shows with an image that only some Pods can start it', async ({ open }) => {
    const nodes = { a: entry({ images: 'pP', noop: 'p' }) };
    const cache = cacheNamed('a/locked', { images: ['open:1', 'private:1'], nodes });
    const { page } = await open([{ ...cache, spec: { ...cache.spec, imagePullSecrets: ['registry'] } }]);
    await cacheButton(page, 'a/locked').click();
    await page.getByRole('rowheader', { name: 'private:1 only Pods with its pull secrets' }).waitFor();
    expect(await page.getByText('only Pods with').count()).toBe(1);
  });

  it('shows with an image of workloads for which of them it is there, and what was not read', async ({ open }) => {
    const cache = cacheNamed('a/found', { images: ['kept:1', 'own:1', 'web:1'], nodes: { n: entry() } });
    const found = foundIn('<b>Deployment</b>/web');
    const { page, complaints } = await open([{ ...cache, found, status: { ...cache.status, found } }]);
    await cacheButton(page, 'a/found').click();
    await page.getByRole('rowheader', { name: 'web:1 for <b>Deployment</b>/web and 1,204 more' }).waitFor();
    await page.getByRole('rowheader', { name: 'kept:1 no workload names it any more' }).waitFor();
    await page.getByText('Workloads: The cluster has no kind Rollout').waitFor();
    expect(await page.locator('main b').count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  it('shows which registry rests, and until when', async ({ open }) => {
    const until = Date.UTC(2026, 10, 24, 12, 5);
    const registries = { '<b>evil</b>': { ...noUse, restsUntil: until, waitsUntil: until } };
    const waits = cacheNamed('a/waits', { images: ['x:1'] }, { status: 'Processing', registries });
    const { page, complaints } = await open([waits]);
    await cacheButton(page, 'a/waits').click();
    await page.getByText('<b>evil</b> rests until 12:05, has nodes wait until 12:05 (UTC)').waitFor();
    expect(complaints).toEqual([]);
  });

  it('shows when its process is a standby', async ({ open }) => {
    const { page, server } = await open(busyCluster(Date.now()));
    server.know([]);
    server.as('standby');
    await page.getByRole('alert').filter({ hasText: 'is a standby' }).waitFor();
  });

  it('shows hostile names and messages as text', async ({ open }) => {
    const evil = '<img src=x onerror=alert(1)>';
    const script = '</code><script>alert(2)</script>';
    const cache = cacheNamed(
      `a/${evil}`,
      { images: [`${evil}:1`, script], nodes: { [evil]: entry({ state: 'Failed', images: 'f' }) } },
      {
        status: 'Failed',
        message: script,
        failures: { [`${evil}:1`]: [{ node: evil, reason: script, message: 'javascript:alert(3)\u202e' }] },
      },
    );
    const { page, complaints } = await open([cache]);
    await cacheButton(page, `a/${evil}`).click();
    await cacheButton(page, evil).click();
    await page.getByText('javascript:alert(3)').waitFor();
    expect(await page.locator('main img, main script').count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  it('has sufficient text contrast, light and dark', async ({ open }) => {
    const script = await readFile(join(import.meta.dirname, 'contrast.js'), 'utf8');
    const { page } = await open(busyCluster(Date.now()));
    await cacheButton(page, 'ml/training').click();
    await cacheButton(page, 'gpu-2').click();
    await page.getByText('ErrImagePull').waitFor();
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await page.evaluate<string[]>(script), colorScheme).toEqual([]);
    }
  });

  it('shows 1,000 nodes by 50 images in pages with few elements', async ({ open }) => {
    const { page } = await open(largeCluster(Date.now()));
    await cacheButton(page, 'platform/all-services').click();
    await page.getByText('1–50 of 1,000').waitFor();
    expect(await page.locator('.map i').count()).toBe(1000);
    expect(await page.locator('*').count()).toBeLessThan(3000);
    await page.getByRole('button', { name: 'Next' }).click();
    await page.getByText('51–100 of 1,000').waitFor();
    await page.locator('.map i').nth(999).click();
    await page.getByText('1,000–1,000 of 1,000').waitFor();
    await page.getByRole('button', { name: 'Failed 11', exact: true }).click();
    await counted(page, '.map i', 11);
    await page.getByLabel('Filter nodes by name').fill('ip-10-0-9');
    await counted(page, '.map i', 1);
    expect(await page.locator(':focus').getAttribute('aria-label')).toBe('Filter nodes by name');
  });

  it('keeps the columns apart on screens of 1280, 1000 and 910 pixels', async ({ open }) => {
    const { page } = await open(troubledCluster(Date.now()));
    const cut = `[...document.querySelectorAll('.cache > td')].filter((cell) => cell.scrollWidth > cell.clientWidth).map((cell) => cell.textContent)`;
    for (const width of [1280, 1000, 910]) {
      await page.setViewportSize({ width, height: 800 });
      expect(await page.evaluate<string[]>(cut), `${width}`).toEqual([]);
    }
  });

  it('fits the screen of a phone', async ({ open }) => {
    const { page } = await open(busyCluster(Date.now()));
    await page.setViewportSize({ width: 390, height: 800 });
    await cacheButton(page, 'ml/training').click();
    await cacheButton(page, 'gpu-2').waitFor();
    expect(await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
  });
});
