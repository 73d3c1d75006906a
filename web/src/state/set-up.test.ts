import { describe, expect, it } from 'vitest';
import type { Doctor, Examination, Link, LinkState } from '../../../protocol/doctor.ts';
import {
  essentialOf,
  hindrancesOf,
  isSetUp,
  type Known,
  looksNew,
  nextOf,
  recheckPauseMs,
} from './set-up.ts';

const link = (code: Link['code'], state: LinkState): Link => ({
  code,
  title: code,
  state,
  detail: '',
  docs: '',
});
const examined = (...links: readonly Link[]): Examination => ({
  at: '2026-11-27T12:00:00Z',
  took_ms: 1,
  by: { type: 'server', name: 'doctor' },
  links,
  count: { works: 0, doubtful: 0, broken: 0, 'not-checked': 0, 'not-used': 0 },
});
const doctor = (last: Examination | null): Doctor => ({ last, running: null, next_at: null });
const known = (last: Examination | null, more: Partial<Known> = {}): Known => ({
  me: { role: 'operator', lab: null, keys: { present: true } },
  doctor: doctor(last),
  remembered: null,
  ...more,
});

describe('what power needs', () => {
  it('is set up without a model, and with what is only doubtful', () => {
    expect(
      isSetUp(
        examined(
          link('model-credential', 'broken'),
          link('ssh-key', 'doubtful'),
          link('power-status', 'works'),
        ),
      ),
    ).toBe(true);
  });

  it('is not set up while a link of it is broken or could not be looked at, or none is known', () => {
    expect(isSetUp(examined(link('ssh-key', 'works'), link('power-junk', 'not-checked')))).toBe(false);
    expect(isSetUp(examined(link('ssh-key', 'broken')))).toBe(false);
    expect(isSetUp(examined(link('journal', 'works')))).toBe(false);
  });

  it('comes in the order of the chain, and what is broken is done before what waits for it', () => {
    const seen = examined(
      link('configuration', 'works'),
      link('vm-repair', 'not-checked'),
      link('power-login', 'broken'),
      link('power-status', 'not-checked'),
    );
    expect(nextOf(seen)?.code).toBe('power-login');
    expect(essentialOf(seen)).toHaveLength(4);
    expect(nextOf(examined(link('ssh-key', 'works'), link('vm-route', 'not-checked')))?.code).toBe(
      'vm-route',
    );
  });
});

describe('a first run', () => {
  const powerless = examined(link('ssh-key', 'broken'), link('power-status', 'not-checked'));
  const powerWorks = examined(link('vm-route', 'broken'), link('power-status', 'works'));

  it('is a console whose power path never worked, or that was never examined', () => {
    expect(looksNew(known(powerless))).toBe(true);
    expect(looksNew(known(null))).toBe(true);
  });

  it('is not a VM that is down: power works', () => {
    expect(looksNew(known(powerWorks))).toBe(false);
    // Whoever has begun the checklist goes on with it.
    expect(looksNew(known(powerWorks, { remembered: 'begun' }))).toBe(true);
  });

  it('is not for who only looks, not in the lab, and not again for who has dismissed it', () => {
    const me = known(powerless).me;
    expect(looksNew(known(powerless, { me: { ...me, role: 'observer' } }))).toBe(false);
    expect(
      looksNew(known(powerless, { me: { ...me, lab: { scenario: 's', title: 't', brief: 'b' } } })),
    ).toBe(false);
    expect(looksNew(known(powerless, { remembered: 'dismissed' }))).toBe(false);
  });

  it('is over when everything that power needs works', () => {
    expect(looksNew(known(examined(link('power-status', 'works')), { remembered: 'begun' }))).toBe(false);
  });
});

describe('checks that nobody asked for', () => {
  it('come less and less often while nothing changes', () => {
    expect([0, 1, 2, 3, 4, 5, 50].map((times) => recheckPauseMs(times) / 1_000)).toEqual([
      15, 30, 60, 120, 240, 300, 300,
    ]);
  });

  it('see a change where another thing is in the way, and none in what is not essential', () => {
    const refused = hindrancesOf(examined(link('power-login', 'broken'), link('model-answer', 'works')));
    expect(hindrancesOf(examined(link('power-login', 'broken'), link('model-answer', 'broken')))).toBe(
      refused,
    );
    expect(hindrancesOf(examined(link('power-login', 'works'), link('power-junk', 'broken')))).not.toBe(
      refused,
    );
    expect(hindrancesOf(examined(link('power-login', 'works')))).toBe('');
  });
});
