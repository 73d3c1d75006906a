// What somebody waits for who opens the page on a phone with a bad line: slow 3G (400 ms, 400 kbit/s), a processor four times slower, nothing
// in the cache, signed in. Usage: node bench/first-load.ts [runs] [another built page to compare with].
// The page is the one in web/dist, sent as the server sends it, by the fixture server. A bare page of a few words, loaded in turn, is the
// floor that no page can pass.
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { until } from '../test/support/wait-for.ts';
import { startFixture } from '../web/dev/fixture-server.ts';
import { machineLine, median, type Ratio, ratioRow, row } from './figures.ts';

const runs = Number(process.argv[2] ?? 3);
const other = process.argv[3];
const PATIENCE_MS = 120_000;
const LINE = { offline: false, latency: 400, downloadThroughput: 50_000, uploadThroughput: 50_000 };

/** Runs before anything of the page. As text, because nothing else here knows a DOM. */
const watchFor = (usable: string): string => `
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const { value, startTime } of list.getEntries()) window.shifts.push({ value, startTime });
  }).observe({ type: 'layout-shift', buffered: true });
  const look = () => {
    if (document.body !== null && (${usable})) window.usableMs = performance.now();
    else requestAnimationFrame(look);
  };
  look();
`;
const seen = (selector: string): string =>
  `[...document.querySelectorAll(${JSON.stringify(selector)})].some((each) => !each.disabled && each.checkVisibility())`;
/** The lamp says that SSH is silent, and a verb can be pressed. */
const POWER = `/silent/.test(document.body.innerText) && ${seen('[data-testid="verb-cycle"], [data-testid="hold-verb"]')}`;
const CHAT = seen('[data-testid="prompt"]');

interface Load {
  readonly paintMs: number;
  readonly usableMs: number;
  readonly shift: number;
  readonly kilobytes: number;
  readonly apiKilobytes: number;
  readonly requests: readonly string[];
}

async function load(browser: Browser, url: string, usable: string): Promise<Load> {
  // The service worker's own requests would not be slowed down.
  const context = await browser.newContext({
    viewport: { width: 390, height: 844 },
    hasTouch: true,
    serviceWorkers: 'block',
  });
  await context.addCookies([{ name: 'fixture', value: '1', url }]);
  const page = await context.newPage();
  const devtools = await context.newCDPSession(page);
  await devtools.send('Network.enable');
  await devtools.send('Network.emulateNetworkConditions', LINE);
  await devtools.send('Emulation.setCPUThrottlingRate', { rate: 4 });
  const sent = new Map<string, { readonly path: string; readonly atS: number }>();
  const requests: string[] = [];
  let bytes = 0;
  let apiBytes = 0;
  let firstS: number | undefined;
  devtools.on('Network.requestWillBeSent', ({ requestId, request, timestamp }) => {
    firstS ??= timestamp;
    sent.set(requestId, { path: new URL(request.url).pathname, atS: timestamp - firstS });
  });
  devtools.on('Network.loadingFinished', ({ requestId, encodedDataLength, timestamp }) => {
    const { path: asked, atS } = sent.get(requestId) ?? { path: '?', atS: 0 };
    if (asked.startsWith('/api/')) apiBytes += encodedDataLength;
    else bytes += encodedDataLength;
    requests.push(
      `${atS.toFixed(2)}–${(timestamp - (firstS ?? timestamp)).toFixed(2)} s ${asked} ${(encodedDataLength / 1_000).toFixed(1)} KB`,
    );
  });
  await page.addInitScript(watchFor(usable));
  const inPage = async <T>(expression: string): Promise<T> => {
    const { result } = await devtools.send('Runtime.evaluate', { expression, returnByValue: true });
    return result.value as T;
  };
  await page.goto(url, { waitUntil: 'commit', timeout: PATIENCE_MS });
  const usableMs = await until(`a usable page at ${url}`, () =>
    inPage<number | undefined>('window.usableMs'),
  );
  const [kilobytes, apiKilobytes, askedFor] = [bytes / 1_000, apiBytes / 1_000, [...requests]];
  // What comes late may still move something.
  await page.waitForLoadState('networkidle', { timeout: 15_000 }).catch(() => undefined);
  const paintMs = await inPage<number>("performance.getEntriesByName('first-contentful-paint')[0].startTime");
  const shift = await inPage<number>('window.shifts.reduce((sum, { value }) => sum + value, 0)');
  await context.close();
  return { paintMs, usableMs, shift, kilobytes, apiKilobytes, requests: askedFor };
}

interface Page {
  readonly power: Load[];
  readonly chat: Load[];
}

const dir = await mkdtemp(path.join(tmpdir(), 'bg-first-load-'));
const serve = async (dist: string, name: string) => {
  const copy = path.join(dir, name);
  await cp(dist, copy, { recursive: true });
  await writeFile(
    path.join(copy, 'bare.html'),
    '<!doctype html><title>Bare</title><p id="bare">A few words.',
  );
  return startFixture({ dist: copy });
};
const now = await serve(path.resolve(import.meta.dirname, '../web/dist'), 'now');
const old = other === undefined ? undefined : await serve(path.resolve(other), 'old');
const browser = await chromium.launch({
  executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
});
const bare: Load[] = [];
const ours: Page = { power: [], chat: [] };
const theirs: Page = { power: [], chat: [] };
const loadBoth = async (url: string, { power, chat }: Page): Promise<void> => {
  power.push(await load(browser, `${url}/#/power`, POWER));
  chat.push(await load(browser, `${url}/`, CHAT));
};
for (let run = 0; run < runs; run += 1) {
  bare.push(await load(browser, `${now.url}/bare.html`, `document.querySelector('#bare') !== null`));
  await loadBoth(now.url, ours);
  if (old !== undefined) await loadBoth(old.url, theirs);
}
await browser.close();
now.close();
old?.close();
await rm(dir, { recursive: true, force: true });

const of = (loads: readonly Load[], figure: (one: Load) => number): readonly number[] => loads.map(figure);
const rows = (name: string, { power, chat }: Page): string =>
  [
    row(
      `${name}: first paint, s`,
      of([...power, ...chat], ({ paintMs }) => paintMs / 1_000),
    ),
    row(
      `${name}: state and verbs usable, s`,
      of(power, ({ usableMs }) => usableMs / 1_000),
    ),
    row(
      `${name}: chat usable, s`,
      of(chat, ({ usableMs }) => usableMs / 1_000),
    ),
    row(
      `${name}: page until the chat is usable, KB`,
      of(chat, ({ kilobytes }) => kilobytes),
    ),
    row(
      `${name}: answers of the API until then, KB`,
      of(chat, ({ apiKilobytes }) => apiKilobytes),
    ),
  ].join('\n');
const all = [...ours.power, ...ours.chat];
const ratios: readonly Ratio[] = [
  {
    name: 'page until the chat is usable, KB',
    value: median(of(ours.chat, (one) => one.kilobytes)),
    asked: 60,
  },
  { name: 'first paint, s', value: median(of(all, (one) => one.paintMs / 1_000)), asked: 2.5 },
  {
    name: 'state and verbs usable, s',
    value: median(of(ours.power, (one) => one.usableMs / 1_000)),
    asked: 4,
  },
  { name: 'chat usable, s', value: median(of(ours.chat, (one) => one.usableMs / 1_000)), asked: 6 },
  { name: 'layout shift, the most of all loads', value: Math.max(...of(all, (one) => one.shift)), asked: 0 },
];
const beside = (name: string, figure: (page: Page) => readonly number[]): string =>
  `| ${name} | ${(median(figure(ours)) / median(figure(theirs))).toFixed(3)} |`;
console.log(`# First load, ${new Date().toISOString().slice(0, 10)}

${machineLine()}; ${runs} loads of each, in turn; 390×844, slow 3G (400 ms, 400 kbit/s), processor ÷ 4, empty cache, signed in.

| figure | median | least | most | loads |
|---|---|---|---|---|
${row(
  'bare page: first paint, s',
  of(bare, ({ paintMs }) => paintMs / 1_000),
)}
${rows('now', ours)}
${old === undefined ? '' : rows('before', theirs)}

| goal | seen | at most | |
|---|---|---|---|
${ratios.map(ratioRow).join('\n')}
${
  old === undefined
    ? ''
    : `
| now ÷ before, medians | ratio |
|---|---|
${beside('first paint', ({ power, chat }) => of([...power, ...chat], (one) => one.paintMs))}
${beside('state and verbs usable', ({ power }) => of(power, (one) => one.usableMs))}
${beside('chat usable', ({ chat }) => of(chat, (one) => one.usableMs))}
${beside('page until the chat is usable', ({ chat }) => of(chat, (one) => one.kilobytes))}
`
}
What was asked for until state and verbs were usable, of the last load:

${(ours.power.at(-1)?.requests ?? []).map((line) => `- ${line}`).join('\n')}`);
process.exitCode = ratios.every(({ value, asked }) => value <= asked) ? 0 : 1;
