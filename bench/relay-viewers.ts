// Many attached clients in a process of their own, as cheap as clients can be: each counts the recorded texts in its stream and how late
// they came. Told by its parent: { base, token, session, count } is answered by `attached`, { ends } by `ended` when each client has seen as
// many turns end, and `figures` by what was seen.
import { get } from 'node:http';

interface Job {
  readonly base: string;
  readonly token: string;
  readonly session: string;
  readonly count: number;
}

/** Milliseconds between the instant that the journal gave a text and its arrival here (one clock for both). */
const late: number[] = [];
let texts = 0;
let ends = 0;
let clients = 0;
let awaited = 0;

process.on('message', (message: Job | { readonly ends: number } | 'figures') => {
  if (message === 'figures') return void process.send?.({ texts, late });
  if ('ends' in message) {
    awaited = message.ends;
    return tellEnded();
  }
  clients = message.count;
  void Promise.all(Array.from({ length: message.count }, () => attach(message))).then(() =>
    process.send?.('attached'),
  );
});

function tellEnded(): void {
  if (awaited === 0 || ends < awaited * clients) return;
  awaited = 0;
  process.send?.('ended');
}

function attach({ base, token, session }: Job): Promise<void> {
  return new Promise((resolve, reject) => {
    get(
      `${base}/api/session/${session}/stream`,
      { agent: false, headers: { authorization: `Bearer ${token}` } },
      (response) => {
        if (response.statusCode !== 200) return reject(new Error(`HTTP ${response.statusCode}`));
        let rest = '';
        response.setEncoding('utf8').on('data', (data: string) => {
          const frames = (rest + data).split('\n\n');
          rest = frames.pop() ?? '';
          for (const frame of frames) {
            if (frame.startsWith('event: caught-up')) resolve();
            else if (frame.startsWith('id: ')) take(frame);
          }
        });
      },
    ).on('error', reject);
  });
}

const AT = /"at":"([^"]+)"/;

function take(frame: string): void {
  if (frame.includes('"kind":"turn_end"')) {
    ends++;
    tellEnded();
  }
  if (!frame.includes('"kind":"text"')) return;
  texts++;
  late.push(Date.now() - Date.parse(AT.exec(frame)?.[1] ?? ''));
}
