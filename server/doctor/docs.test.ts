// The page of doctor, held against the links that there are.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { LINK_CODES } from '../../protocol/link-codes.ts';

test('each link is a heading of docs/doctor.md, in their order, and no other heading looks like one', () => {
  const page = readFileSync(path.join(import.meta.dirname, '../../docs/doctor.md'), 'utf8');
  const headings = [...page.matchAll(/^## `?([a-z]+(?:-[a-z]+)*)`?$/gm)].map(([, code]) => code);
  expect(headings).toEqual([...LINK_CODES]);
});
