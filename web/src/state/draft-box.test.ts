import { expect, test } from 'vitest';
import { DraftBox } from './draft-box.ts';

/** Of so many characters, as browsers have. */
function storage(limit = 5_000_000) {
  const kept = new Map<string, string>();
  return {
    kept,
    get length() {
      return kept.size;
    },
    key: (index: number) => [...kept.keys()][index] ?? null,
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => {
      const others = [...kept].reduce((sum, [name, text]) => sum + (name === key ? 0 : text.length), 0);
      if (others + value.length > limit) throw new Error('QuotaExceededError');
      kept.set(key, value);
    },
    removeItem: (key: string) => void kept.delete(key),
  };
}

test('a draft is found under its session, and under the new chat of its target, by the same person only', () => {
  const store = storage();
  const box = new DraftBox('ann', () => store);
  box.write(box.keyOf('s1', 'devvm'), 'one');
  box.write(box.keyOf(null, 'devvm'), 'two');
  const again = new DraftBox('ann', () => store);
  expect(again.read(again.keyOf('s1', 'devvm'))).toBe('one');
  expect(again.read(again.keyOf(null, 'devvm'))).toBe('two');
  expect(again.read(again.keyOf(null, 'db-1'))).toBe('');
  const bob = new DraftBox('bob', () => store);
  expect(bob.read(bob.keyOf('s1', 'devvm'))).toBe('');
});

test('an empty text leaves nothing behind', () => {
  const store = storage();
  const box = new DraftBox('ann', () => store);
  box.write(box.keyOf('s1', 'devvm'), 'one');
  box.write(box.keyOf('s1', 'devvm'), '');
  expect(store.length).toBe(0);
});

test('of many drafts the youngest stay, each no longer than a prompt, and nothing else is touched', () => {
  const store = storage();
  store.setItem('breakglass.session', 'id');
  const box = new DraftBox('ann', () => store);
  for (let count = 0; count < 40; count++) box.write(box.keyOf(`s${count}`, 'devvm'), 'x'.repeat(200_000));
  expect(store.length).toBe(13);
  expect(store.getItem('breakglass.session')).toBe('id');
  expect(box.read(box.keyOf('s39', 'devvm'))).toHaveLength(100_000);
});

test('a full storage makes room for what is being typed now', () => {
  const store = storage(250_000);
  const box = new DraftBox('ann', () => store);
  for (const session of ['s1', 's2']) box.write(box.keyOf(session, 'devvm'), 'x'.repeat(100_000));
  box.write(box.keyOf('s3', 'devvm'), 'y'.repeat(100_000));
  expect(box.read(box.keyOf('s3', 'devvm'))).toHaveLength(100_000);
});

test('without storage, and with what somebody else wrote there, nothing breaks', () => {
  const box = new DraftBox('ann', () => {
    throw new Error('SecurityError');
  });
  box.write(box.keyOf(null, 'devvm'), 'one');
  expect(box.read(box.keyOf(null, 'devvm'))).toBe('');
  const store = storage();
  const other = new DraftBox('ann', () => store);
  for (const value of ['', '{', 'null', '[]', '{"text":5,"at":1}', '"x"']) {
    store.setItem(other.keyOf(null, 'devvm'), value);
    expect(other.read(other.keyOf(null, 'devvm'))).toBe('');
  }
});
