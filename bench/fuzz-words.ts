// Hostile strings in place of a word: 100,000 through the script's own dispatch (in one bash), 2,000 through a real sshd.
// Usage: node bench/fuzz-words.ts [strings] [through sshd] [seed].
import { dispatchAll, hostileStrings, WORDS } from '../host/test/support/fuzz-words.ts';
import { FORCED_COMMAND, temporaryRecordingRoot } from '../host/test/support/recording-root.ts';
import { startSshdWithClient } from '../test/support/sshd-with-client.ts';
import { machineLine } from './figures.ts';

const [inBash, throughSshd, seed] = [100_000, 2000, 1].map((fallback, index) =>
  Number(process.argv[2 + index] ?? fallback),
) as [number, number, number];

const strings = hostileStrings(inBash, seed);
const fromMs = performance.now();
const taken = dispatchAll(strings);
const bashMs = performance.now() - fromMs;
const wrongInBash = strings.filter((text, index) => WORDS.includes(text) !== (taken[index] !== 'rejected'));

// Words themselves are left out: what they do is tested elsewhere, here nothing may reach qm.
const host = temporaryRecordingRoot();
const sshd = await startSshdWithClient({ forcedCommand: `${FORCED_COMMAND} --root ${host.dir} 102` });
const sent = hostileStrings(throughSshd * 2, seed + 1)
  .filter((text) => !WORDS.includes(text))
  .slice(0, throughSshd);
let wrongInSshd = 0;
try {
  for (let at = 0; at < sent.length; at += 8) {
    const answers = await Promise.all(sent.slice(at, at + 8).map((text) => sshd.ssh(text)));
    wrongInSshd += answers.filter(({ exitCode, stdout }) => exitCode !== 2 || stdout !== '').length;
  }
} finally {
  await sshd.close();
}
const qmCalls = host.qmCalls().length;
await host.close();

console.log(`# Fuzzed words, ${new Date().toISOString().slice(0, 10)}

${machineLine()}; seed ${seed}.

| figure | value |
|---|---|
| strings through the script's dispatch | ${strings.length} |
| of them words, which got through | ${strings.filter((text) => WORDS.includes(text)).length} |
| taken wrongly | ${wrongInBash.length} |
| seconds | ${(bashMs / 1000).toFixed(1)} |
| strings through a real sshd | ${sent.length} |
| not rejected with exit 2 | ${wrongInSshd} |
| calls that reached qm | ${qmCalls} |`);
process.exitCode = wrongInBash.length + wrongInSshd + qmCalls === 0 ? 0 : 1;
