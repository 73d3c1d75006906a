// For the bats tests: node make-root.ts DIR [status=stopped] [fault=block-stall] [scale=PERCENT, of every limit]. Makes the simulated
// host below DIR, says `ready`, and is its QEMU's monitor until DIR is gone or it is killed.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import path from 'node:path';
import { startQmp } from '../../../lab/power-host/qmp.ts';
import { makeRecordingRoot } from './recording-root.ts';

const [dir, ...settings] = process.argv.slice(2);
if (dir === undefined)
  throw new Error('usage: make-root.ts DIR [status=stopped] [fault=block-stall] [scale=20]');
const machine = makeRecordingRoot(dir, {
  status: settings.includes('status=stopped') ? 'stopped' : 'running',
  fault: settings.includes('fault=block-stall') ? 'block-stall' : 'none',
});
const scale = settings.find((setting) => setting.startsWith('scale='))?.slice('scale='.length);
if (scale !== undefined) {
  mkdirSync(path.join(dir, 'etc/breakglass'), { recursive: true });
  writeFileSync(path.join(dir, 'etc/breakglass/time-scale'), `${scale}\n`);
}
await startQmp(machine, 102);
console.log('ready');
flushCompileCache(); // For the next test: this process is killed, and would not write it.
setInterval(() => {
  if (!existsSync(dir)) process.exit();
}, 1_000);
