import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { tempDir } from '../../test/support/temp-dir.ts';
import {
  algorithmsFor,
  isRevoked,
  type PublicKey,
  pinnedKeys,
  shownKey,
  withOnlyKey,
} from './known-hosts.ts';

const makeKey = (type: string): PublicKey => {
  const dir = mkdtempSync(path.join(tmpdir(), 'key-'));
  const file = path.join(dir, 'key');
  execFileSync('ssh-keygen', ['-q', '-t', type, '-N', '', '-f', file]);
  const [algorithm = '', blob = ''] = readFileSync(`${file}.pub`, 'utf8').trim().split(' ');
  rmSync(dir, { recursive: true });
  return { algorithm, blob };
};
const OLD = makeKey('ed25519');
const OLD_RSA = makeKey('rsa');
const NEW = makeKey('ed25519');
const text = ({ algorithm, blob }: PublicKey): string => `${algorithm} ${blob}`;
/** What OpenSSH itself finds under the name. */
const found = (file: string, name: string): readonly string[] => {
  try {
    return execFileSync('ssh-keygen', ['-F', name, '-f', file], { encoding: 'utf8' })
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => line.split(' ').at(-1) ?? '');
  } catch {
    return [];
  }
};

test.each([
  ['alone', 'vm KEY', [], ''],
  ['with a comment, tabs and CR LF', '  vm\tKEY  installed by hand\r', [], ''],
  ['in another case', 'VM KEY', [], ''],
  ['with other names', 'vm,web,10.0.0.1 KEY', ['web', '10.0.0.1'], 'web,10.0.0.1 KEY'],
  ['by a pattern', 'v* KEY', ['vx'], 'v*,!vm KEY'],
  ['by a pattern and by name', 'vm,v? KEY', ['vx'], 'v?,!vm KEY'],
])(
  'the key of one host is replaced where it stands %s, and the others still find theirs',
  (_, line, others, kept) => {
    const file = path.join(tempDir(), 'known_hosts');
    const before = `# ours\n\nother ${text(OLD)}\n${line.replace('KEY', text(OLD))}\nvm ${text(OLD_RSA)}\n`;
    writeFileSync(file, before);
    expect(pinnedKeys(before, 'vm')).toEqual([OLD, OLD_RSA]);
    const after = withOnlyKey(before, 'vm', NEW);
    writeFileSync(file, after);
    expect(after).toBe(
      `# ours\n\nother ${text(OLD)}\n${kept === '' ? '' : `${kept.replace('KEY', text(OLD))}\n`}vm ${text(NEW)}\n`,
    );
    expect(found(file, 'vm')).toEqual([NEW.blob]);
    for (const other of ['other', ...others]) expect(found(file, other)).toEqual([OLD.blob]);
    expect(pinnedKeys(after, 'vm')).toEqual([NEW]);
  },
);

test('a key under a hashed name is found and replaced; that of another host stays', () => {
  const file = path.join(tempDir(), 'known_hosts');
  writeFileSync(file, `vm ${text(OLD)}\nother ${text(OLD_RSA)}\n`);
  execFileSync('ssh-keygen', ['-q', '-H', '-f', file], { stdio: 'ignore' });
  const hashed = readFileSync(file, 'utf8');
  expect(hashed).not.toMatch(/^(vm|other)\b/m);
  expect(pinnedKeys(hashed, 'vm')).toEqual([OLD]);
  writeFileSync(file, withOnlyKey(hashed, 'vm', NEW));
  expect([found(file, 'vm'), found(file, 'other')]).toEqual([[NEW.blob], [OLD_RSA.blob]]);
});

test('certificate authorities and revoked keys are no pinned keys, and stay', () => {
  const marked = `@cert-authority vm,web ${text(OLD_RSA)}\n@revoked * ${text(OLD)}`;
  const before = `${marked}\nvm ${text(OLD)}`;
  expect(pinnedKeys(before, 'vm')).toEqual([OLD]);
  expect(withOnlyKey(before, 'vm', NEW)).toBe(`${marked}\nvm ${text(NEW)}\n`);
  expect([isRevoked(before, 'vm', OLD), isRevoked(before, 'vm', NEW)]).toEqual([true, false]);
});

test('a key that is excluded for a host is not its key', () => {
  const before = `*,!vm ${text(OLD)}\n`;
  expect(pinnedKeys(before, 'vm')).toEqual([]);
  expect(withOnlyKey(before, 'vm', NEW)).toBe(`${before}vm ${text(NEW)}\n`);
});

test('type and fingerprint are those that ssh prints', () => {
  for (const type of ['ed25519', 'rsa', 'ecdsa']) {
    const key = makeKey(type);
    const file = path.join(tempDir(), 'key.pub');
    writeFileSync(file, text(key));
    const printed = execFileSync('ssh-keygen', ['-l', '-f', file], { encoding: 'utf8' });
    const { type: name, fingerprint } = shownKey(key);
    expect(printed).toContain(fingerprint);
    expect(printed).toContain(`(${name})`);
  }
});

test('of a type with several algorithms the known one is asked for first, as ssh does', () => {
  expect(algorithmsFor('ED25519', [])).toBe('ssh-ed25519');
  expect(algorithmsFor('ECDSA', [{ algorithm: 'ecdsa-sha2-nistp384', blob: '' }])).toMatch(
    /^ecdsa-sha2-nistp384,ecdsa-sha2-nistp256,/,
  );
  expect(algorithmsFor('SOMETHING-NEW', [])).toBeUndefined();
});
