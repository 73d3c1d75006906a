// Reads a whole journal and says what is wrong with it, in a thread of its own: that takes seconds for a large one, and the console has
// other things to do.
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';

const database = new DatabaseSync(String(workerData), { readOnly: true });
const found = database.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
database.close();
parentPort?.postMessage(String(found).replaceAll(/\s+/g, ' '));
