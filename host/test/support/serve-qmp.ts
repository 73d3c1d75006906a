// For the bats tests: node serve-qmp.ts DIR. The lab's QMP for the machine below DIR, until it is killed.
import { openMachine } from '../../../lab/machine/machine.ts';
import { startQmp } from '../../../lab/power-host/qmp.ts';

const [dir] = process.argv.slice(2);
if (dir === undefined) throw new Error('usage: serve-qmp.ts DIR');
await startQmp(openMachine(dir), 102);
console.log('ready');
setInterval(() => undefined, 60_000);
