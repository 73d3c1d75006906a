// From an alert to a verified recovery on a locked phone, in seconds for each part (CI runs it once: test/e2e). Usage:
// node bench/alert-to-recovery.ts [times].
import { type Recovery, recoverFromAlert } from '../test/e2e/alert-to-recovery.ts';
import { launchBrowser } from '../web/dev/chromium.ts';
import { machineLine, row } from './figures.ts';

const times = Number(process.argv[2] ?? 5);
const browser = await launchBrowser();
const all: Recovery[] = [];
for (let each = 0; each < times; each++) all.push(await recoverFromAlert(browser));
await browser.close();
const part = (name: keyof Recovery['parts']): number[] => all.map(({ parts }) => parts[name] / 1_000);
console.log(`# From an alert to a verified recovery, ${new Date().toISOString().slice(0, 10)}

${machineLine()}; headless Chromium at 390 × 844, in the lab (its boot takes seconds, a real one more). Touches after the tap: ${Math.max(...all.map(({ touches }) => touches))}.

| part, s | median | best | worst | runs |
|---|---|---|---|---|
${row('alert → push received and decrypted (triage in between)', part('push'))}
${row('push → shown by the service worker', part('shown'))}
${row('tap → verdict', part('opened'))}
${row('first touch → ready to hold', part('readyToHold'))}
${row('hold → the verb runs (the hold itself is 0.7 s)', part('started'))}
${row('the verb runs → outcome verified', part('verified'))}`);
process.exitCode = all.every(({ newProcess, touches }) => newProcess && touches <= 2) ? 0 : 1;
