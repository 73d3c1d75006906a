import { describe, expect, it } from 'vitest';
import { parseTargetName } from '../../../protocol/ids.ts';
import { hashOf, linkOf, parseHash, sessionHash } from './route-hash.ts';

const id = '0b5b2f7e-9a4e-4c0d-9f55-0d9d8c1f7a11';
const web1 = { name: parseTargetName('web-1') };

describe('an address without a target', () => {
  it('names power, a session, evidence, or the chat', () => {
    expect(parseHash('#/power')).toMatchObject({ view: 'power', target: 'none' });
    expect(parseHash(`#/s/${id.toUpperCase()}`)).toMatchObject({ view: 'chat', session: id });
    expect(parseHash('#/links')).toMatchObject({ view: 'links', target: 'none' });
    expect(parseHash('#/t/web-1/set-up')).toMatchObject({ view: 'set-up', target: web1 });
    expect(parseHash(hashOf({ view: 'links' }, 'web-1'))).toMatchObject({ view: 'links', target: web1 });
    expect(parseHash('')).toMatchObject({ view: 'chat', target: 'none', session: undefined });
    expect(parseHash('#/evidence/20260131T020304.567Z-cycle')).toEqual({
      view: 'evidence',
      target: 'none',
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
      expect(parseHash(hash)).toMatchObject({
        view: 'chat',
        target: 'none',
        session: undefined,
        evidence: undefined,
      });
  });
});

describe('an address with a target', () => {
  it('names its chat, its power, its evidence', () => {
    expect(parseHash('#/t/web-1')).toMatchObject({ view: 'chat', target: web1 });
    expect(parseHash('#/t/web-1/')).toMatchObject({ view: 'chat', target: web1 });
    expect(parseHash('#/t/web-1/power')).toMatchObject({ view: 'power', target: web1 });
    expect(parseHash('#/t/web-1/evidence/a.b-c')).toMatchObject({
      view: 'evidence',
      target: web1,
      evidence: 'a.b-c',
    });
  });

  it('is never taken for the default target where the name cannot be read', () => {
    for (const hash of ['#/t', '#/t/', '#/t/Web/power', '#/t/a%20b', `#/t/${'a'.repeat(33)}`, '#/t/-x'])
      expect(parseHash(hash).target).toBe('unreadable');
  });

  it('is not one of a session: the session says by itself whose it is', () => {
    expect(parseHash(`#/t/web-1/s/${id}`)).toMatchObject({ target: web1, session: undefined });
  });
});

it('what is written is read back as the same place', () => {
  for (const target of [undefined, 'devvm', 'web-1'])
    for (const goal of [
      { view: 'chat' },
      { view: 'power' },
      { view: 'evidence', evidence: 'e.1-cycle' },
    ] as const) {
      const place = parseHash(hashOf(goal, target));
      expect(place).toMatchObject(goal);
      expect(place.target).toEqual(target === undefined ? 'none' : { name: target });
    }
  expect(parseHash(sessionHash(id))).toMatchObject({ view: 'chat', session: id });
});

describe('a link that lets a browser in', () => {
  const code = '0123456789ABCDEFGHJK';

  it('is a login link, or a share link that names its session', () => {
    expect(linkOf(`#login=${code}`)).toEqual({ kind: 'login', code });
    expect(linkOf(`#/s/${id}/share/${code}`)).toEqual({ kind: 'share', code, session: id });
  });

  it('is nothing else', () => {
    for (const hash of [
      '',
      '#/',
      '#login=',
      `#/login=${code}`,
      `#/s/${id}`,
      `#/s/${id}/share/`,
      `#/s/x/share/${code}`,
      `#/s/${id}/share/${code}/more`,
      `#/s/${id}/share/${'A'.repeat(41)}`,
    ])
      expect(linkOf(hash)).toBeUndefined();
  });
});
