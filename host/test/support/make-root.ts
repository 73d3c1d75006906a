// For the bats tests: node make-root.ts DIR [status=stopped] [fault=block-stall] [scale=PERCENT, of every limit]
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { makeRecordingRoot } from './recording-root.ts';

const [dir, ...settings] = process.argv.slice(2);
if (dir === undefined)
  throw new Error('usage: make-root.ts DIR [status=stopped] [fault=block-stall] [scale=20]');
makeRecordingRoot(dir, {
  status: settings.includes('status=stopped') ? 'stopped' : 'running',
  fault: settings.includes('fault=block-stall') ? 'block-stall' : 'none',
});
const scale = settings.find((setting) => setting.startsWith('scale='))?.slice('scale='.length);
if (scale !== undefined) {
  mkdirSync(path.join(dir, 'etc/breakglass'), { recursive: true });
  writeFileSync(path.join(dir, 'etc/breakglass/time-scale'), `${scale}\n`);
}
