// The documents as a site: every link and anchor of what is really written, and how it reads on a phone.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildSite, escaped, placeOf } from '../../docs/site.ts';
import { launchBrowser } from '../../web/dev/chromium.ts';

const root = path.resolve(import.meta.dirname, '../..');
let site: string;
let sources: readonly string[];
beforeAll(() => {
  site = mkdtempSync(path.join(tmpdir(), 'bg-site-'));
  sources = buildSite(site);
});
afterAll(() => rmSync(site, { recursive: true, force: true }));

const files = (): string[] =>
  readdirSync(site, { recursive: true, encoding: 'utf8' }).filter((file) =>
    statSync(path.join(site, file)).isFile(),
  );
const htmlFiles = (): string[] => files().filter((file) => file.endsWith('.html'));
const read = (file: string): string => readFileSync(path.join(site, file), 'utf8');
const unescaped = (text: string): string =>
  text.replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
const attributes = (html: string, name: string): string[] =>
  [...html.matchAll(new RegExp(` ${name}="([^"]*)"`, 'g'))].map(([, value = '']) => unescaped(value));

test('every link of every page leads to a file of the site, and to a place in it', () => {
  const broken: string[] = [];
  let inside = 0;
  for (const file of htmlFiles()) {
    const html = read(file);
    for (const to of [...attributes(html, 'href'), ...attributes(html, 'src')]) {
      if (/^(https?|mailto):/.test(to)) continue;
      inside += 1;
      const [place = '', anchor] = to.split('#');
      const target = place === '' ? file : path.join(path.dirname(file), place);
      if (
        target.startsWith('..') ||
        !existsSync(path.join(site, target)) ||
        statSync(path.join(site, target)).isDirectory()
      )
        broken.push(`${file}: ${to}`);
      else if (anchor !== undefined && !attributes(read(target), 'id').includes(decodeURIComponent(anchor)))
        broken.push(`${file}: ${to}`);
    }
  }
  expect(broken).toEqual([]);
  expect(inside).toBeGreaterThan(1_000);
});

test('every page of docs is there, is in the navigation of each page, and says its title', () => {
  const pages = readdirSync(path.join(root, 'docs')).filter((name) => name.endsWith('.md'));
  const navigation = /<nav[\s\S]*<\/nav>/.exec(read('index.html'))?.[0] ?? '';
  for (const name of pages) {
    const place = placeOf(`docs/${name}`);
    expect(sources).toContain(`docs/${name}`);
    expect(attributes(navigation, 'href')).toContain(place);
    expect(read(place)).toMatch(/<title>[^<]+<\/title>/);
    expect(read(place).match(/<h1 /g)).toHaveLength(1);
  }
});

test('no script, nothing from elsewhere, and no markup that a page of text brought with it', () => {
  for (const file of htmlFiles()) {
    const html = read(file);
    expect([file, html.match(/<(script|iframe|object|embed|form|style)\b/i)]).toEqual([file, null]);
    expect([file, html.match(/\son\w+=/i)]).toEqual([file, null]);
    expect([file, attributes(html, 'src').filter((to) => /^([a-z]+:)?\/\//.test(to))]).toEqual([file, []]);
    expect([file, attributes(html, 'href').filter((to) => /^(javascript|data):/i.test(to))]).toEqual([
      file,
      [],
    ]);
  }
  expect(read('style.css')).not.toMatch(/@import|url\(/);
  expect(escaped('<b title="x">&')).toBe('&lt;b title=&quot;x&quot;&gt;&amp;');
});

test('no two places of a page have the same anchor', () => {
  for (const file of htmlFiles()) {
    const ids = attributes(read(file), 'id');
    expect([file, ids.filter((id, index) => ids.indexOf(id) !== index)]).toEqual([file, []]);
  }
});

test('each page fits a phone and a desktop, in light and in dark, with its text before the navigation of a phone', async () => {
  const browser = await launchBrowser();
  try {
    for (const [width, height, colorScheme] of [
      [390, 844, 'dark'],
      [1440, 900, 'light'],
    ] as const) {
      const page = await (await browser.newContext({ viewport: { width, height }, colorScheme })).newPage();
      const troubles: string[] = [];
      page.on('requestfailed', (request) => troubles.push(request.url()));
      page.on('request', (request) => {
        if (!request.url().startsWith('file:')) troubles.push(request.url());
      });
      // On a desktop there is room: what is true of the pages of docs is true of all.
      for (const file of htmlFiles().filter((each) => width === 390 || !each.includes('/'))) {
        await page.goto(pathToFileURL(path.join(site, file)).href);
        const seen = await page.evaluate<{
          wide: number;
          ground: string;
          mainTop: number;
          navTop: number;
        }>(`({
          wide: document.documentElement.scrollWidth,
          ground: getComputedStyle(document.documentElement).backgroundColor,
          mainTop: document.querySelector('main').getBoundingClientRect().top,
          navTop: document.querySelector('nav').getBoundingClientRect().top,
        })`);
        expect([file, seen.wide]).toEqual([file, width]);
        expect(seen.ground).toBe(colorScheme === 'dark' ? 'rgb(16, 16, 15)' : 'rgb(241, 240, 237)');
        if (width === 390) expect(seen.navTop).toBeGreaterThan(seen.mainTop);
      }
      expect(troubles).toEqual([]);
      await page.context().close();
    }
  } finally {
    await browser.close();
  }
});
