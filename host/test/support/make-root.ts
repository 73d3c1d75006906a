// For the bats tests: node make-root.ts DIR [KEY=VALUE of the seed: status, fault]
import { makeRecordingRoot } from './recording-root.ts';

const [dir, ...settings] = process.argv.slice(2);
if (dir === undefined) throw new Error('usage: make-root.ts DIR [status=stopped] [fault=block-stall]');
makeRecordingRoot(dir, {
  status: settings.includes('status=stopped') ? 'stopped' : 'running',
  fault: settings.includes('fault=block-stall') ? 'block-stall' : 'none',
});
