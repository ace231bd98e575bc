/** Takes the screenshots in docs/images: node test/sources/status-page/take-screenshots.ts. It fails without a browser. */
import type { Page } from 'playwright-core';
import { startBrowser } from './browser.ts';
import { busyCluster, largeCluster, troubledCluster } from './caches.ts';
import { servePage } from './page-server.ts';

const browser = await startBrowser();
const now = Date.now();

async function take(name: string, scheme: 'light' | 'dark', prepare: (page: Page) => Promise<void>): Promise<void> {
  const cluster = name.includes('1000') ? largeCluster : name.includes('trouble') ? troubledCluster : busyCluster;
  const server = await servePage(cluster(now));
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    colorScheme: scheme,
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  await page.goto(`${server.url}/`);
  await page.getByText('Live').waitFor();
  await prepare(page);
  await page.mouse.move(0, 0);
  await page.screenshot({ path: `docs/images/${name}.png` });
  await context.close();
  await server.close();
}

await take('status-page-light', 'light', async (page) => {
  await page.getByRole('button', { name: 'ml/training' }).click();
  await page.getByRole('button', { name: 'gpu-2' }).click();
  await page.getByText('failed to resolve image').waitFor();
});
await take('status-page-dark', 'dark', async (page) => {
  await page.getByRole('button', { name: 'shop/storefront' }).click();
  await page.getByRole('button', { name: 'node-15' }).waitFor();
});
await take('status-page-1000-nodes', 'light', async (page) => {
  await page.getByRole('button', { name: 'platform/all-services' }).click();
  await page.getByText('1–50 of 1,000').waitFor();
});
await take('status-page-trouble', 'light', async (page) => {
  await page.getByRole('button', { name: 'shop/web' }).click();
  await page.getByRole('button', { name: 'node-3' }).click();
  await page.getByText('connection refused').waitFor();
});
await browser.close();
