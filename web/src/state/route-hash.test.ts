import { expect, it } from 'vitest';
import { parseHash } from './route-hash.ts';

it('names power, a session, or the chat', () => {
  const id = '0b5b2f7e-9a4e-4c0d-9f55-0d9d8c1f7a11';
  expect(parseHash('#/power').view).toBe('power');
  expect(parseHash(`#/s/${id.toUpperCase()}`)).toEqual({ view: 'chat', session: id });
  expect(parseHash('')).toEqual({ view: 'chat', session: undefined });
});

it('takes nothing for a session that is none', () => {
  for (const hash of ['#/s/', '#/s/../../etc', '#/s/1', '#/moon'])
    expect(parseHash(hash)).toEqual({ view: 'chat', session: undefined });
});
