import { expect, it } from 'vitest';
import { parseHash } from './route-hash.ts';

it('names power, a session, or the chat', () => {
  const id = '0b5b2f7e-9a4e-4c0d-9f55-0d9d8c1f7a11';
  expect(parseHash('#/power').view).toBe('power');
  expect(parseHash(`#/s/${id.toUpperCase()}`)).toMatchObject({ view: 'chat', session: id });
  expect(parseHash('')).toMatchObject({ view: 'chat', session: undefined });
  expect(parseHash('#/evidence/20260131T020304.567Z-cycle')).toEqual({
    view: 'evidence',
    session: undefined,
    evidence: '20260131T020304.567Z-cycle',
  });
});

it('takes nothing for a session that is none', () => {
  for (const hash of [
    '#/s/',
    '#/s/../../etc',
    '#/s/1',
    '#/moon',
    '#/evidence/',
    '#/evidence/..',
    '#/evidence/a%2fb',
  ])
    expect(parseHash(hash)).toMatchObject({ view: 'chat', session: undefined, evidence: undefined });
});
