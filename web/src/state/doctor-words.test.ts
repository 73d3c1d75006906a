import { describe, expect, it } from 'vitest';
import type { Doctor, Examination, Link, LinkState } from '../../../protocol/doctor.ts';
import type { TargetName } from '../../../protocol/ids.ts';
import {
  blockerOf,
  calmGroups,
  checkedWords,
  frameLine,
  headOf,
  isOverdue,
  toLookAt,
  withMeasured,
} from './doctor-words.ts';

const NOW = Date.parse('2026-11-27T12:00:00Z');
const hours = (count: number): string => new Date(NOW + count * 3_600_000).toISOString();
const link = (code: Link['code'], state: LinkState, more: Partial<Link> = {}): Link => ({
  code,
  title: code,
  state,
  detail: '',
  docs: `docs/doctor.md#${code}`,
  ...more,
});
const examined = (...links: readonly Link[]): Examination => {
  const of = (wanted: LinkState) => links.filter(({ state }) => state === wanted).length;
  return {
    at: hours(-3),
    took_ms: 900,
    by: { type: 'server', name: 'doctor' },
    links,
    count: {
      works: of('works'),
      doubtful: of('doubtful'),
      broken: of('broken'),
      'not-checked': of('not-checked'),
      'not-used': of('not-used'),
    },
  };
};
const doctor = (last: Examination | null, more: Partial<Doctor> = {}): Doctor => ({
  last,
  running: null,
  next_at: hours(21),
  ...more,
});
const line = (last: Examination | null, more: Partial<Doctor> = {}) =>
  frameLine(doctor(last, more), false, NOW).words;

describe('the head', () => {
  it('says the worst first, and that all work only when all do', () => {
    const works = link('journal', 'works');
    const unused = link('notify-ntfy', 'not-used');
    expect(headOf(examined(works, works, unused), false)).toEqual({ tone: 'ok', words: 'All 2 links work.' });
    expect(headOf(examined(works, link('vm-clock', 'not-checked')), false)).toEqual({
      tone: 'none',
      words: '1 link works, 1 was not checked.',
    });
    expect(
      headOf(examined(works, link('vm-clock', 'doubtful'), link('vm-sudo', 'not-checked')), false),
    ).toEqual({
      tone: 'warn',
      words: 'No link is broken, 1 is doubtful.',
    });
    expect(headOf(examined(link('vm-route', 'broken'), link('vm-clock', 'doubtful')), false)).toEqual({
      tone: 'bad',
      words: '1 link is broken.',
    });
  });

  it('says when it was looked and when that is done next; a check that did not come is overdue', () => {
    const last = examined(link('journal', 'works'));
    expect(checkedWords(doctor(last), NOW)).toBe('Checked 3 h ago, next in 21 h.');
    expect(checkedWords(doctor(last, { next_at: hours(-0.1) }), NOW)).toBe('Checked 3 h ago, next soon.');
    expect(checkedWords(doctor(last, { next_at: hours(-1) }), NOW)).toBe(
      'Checked 3 h ago. The next check is overdue.',
    );
    expect(checkedWords(doctor(last, { next_at: null }), NOW)).toBe(
      'Checked 3 h ago. It is not checked by itself.',
    );
    expect(isOverdue(doctor({ ...last, at: hours(-30) }, { next_at: null }), NOW)).toBe(true);
  });
});

describe('the line in the frame', () => {
  it('is calm when all work, also where only the browser can measure the stream', () => {
    expect(line(examined(link('journal', 'works'), link('edge-stream', 'not-checked')))).toBe(
      'All links checked 3 h ago',
    );
    expect(line(examined(link('journal', 'works'), link('vm-clock', 'not-checked')))).toBe(
      'Links checked 3 h ago, 1 could not be',
    );
  });

  it('names what is broken, at most two, and never claims that what was not checked is well', () => {
    const broken = (['vm-route', 'power-login', 'power-status'] as const).map((code) => link(code, 'broken'));
    expect(line(examined(...broken.slice(0, 1)))).toBe('1 link broken, seen 3 h ago: vm-route');
    expect(line(examined(...broken))).toBe('3 links broken, seen 3 h ago: vm-route, power-login and 1 more');
    expect(line(null)).toBe('Links never checked');
    expect(line(null, { running: { since: hours(0) } })).toBe('The links are being checked');
  });

  it('says of which target a link is only where there are several', () => {
    const of = link('power-login', 'broken', { target: 'db-1' as TargetName });
    expect(frameLine(doctor(examined(of)), true, NOW).words).toContain('power-login, db-1');
    expect(frameLine(doctor(examined(of)), false, NOW).words).not.toContain('db-1');
  });

  it('is hollow when nobody has looked since', () => {
    const last = { ...examined(link('journal', 'works')), at: hours(-80) };
    expect(frameLine(doctor(last, { next_at: hours(-56) }), false, NOW)).toEqual({
      tone: 'ok',
      stale: true,
      words: 'All links checked 3 days ago',
    });
  });
});

describe('what this browser measures', () => {
  const seen = examined(
    link('journal', 'works'),
    link('edge-stream', 'not-checked', { because: 'edge-address' }),
  );

  it('takes the place of what the server could not see, and is counted', () => {
    const { links, count } = withMeasured(seen, { state: 'broken', detail: 'In heaps.', remedy: 'Do.' });
    expect(links[1]).toEqual(
      link('edge-stream', 'broken', { detail: 'In heaps. Measured from this browser.', remedy: 'Do.' }),
    );
    expect(count).toMatchObject({ works: 1, broken: 1, 'not-checked': 0 });
    expect(withMeasured(seen, null)).toBe(seen);
  });

  it('while it is being measured it is no gap, and nothing moves when it is done', () => {
    expect(headOf(seen, true)).toEqual({ tone: 'ok', words: 'The one link works.' });
    expect(toLookAt(seen, true)).toEqual([]);
    expect(calmGroups(seen, true).map(({ words }) => words)).toEqual(['1 works', '1 being measured']);
    expect(toLookAt(seen, false).map(({ code }) => code)).toEqual(['edge-stream']);
  });

  it('a measurement that failed does not hide what the server knows', () => {
    const known = examined(link('edge-stream', 'works'));
    expect(withMeasured(known, { state: 'not-checked', detail: 'No answer.' }).links[0]?.state).toBe('works');
  });
});

describe('the order', () => {
  const devvm = 'devvm' as TargetName;
  const all = examined(
    link('journal', 'works'),
    link('model-answer', 'not-checked', { because: 'model-credential' }),
    link('model-credential', 'broken'),
    link('notify-ntfy', 'not-used'),
    link('edge-certificate', 'doubtful'),
    link('vm-route', 'works', { target: devvm }),
    link('power-login', 'broken', { target: devvm }),
  );

  it('is broken, doubtful, not checked; what is calm lies in its part of the way', () => {
    expect(toLookAt(all, false).map(({ code }) => code)).toEqual([
      'model-credential',
      'power-login',
      'edge-certificate',
      'model-answer',
    ]);
    expect(calmGroups(all, false).map(({ title, words }) => `${title}: ${words}`)).toEqual([
      'This console: 1 works',
      'What leaves: 1 not used',
      'The VM of devvm: 1 works',
    ]);
  });

  it('what stands in the way is looked for at the same target first, then at the console', () => {
    const own = link('ssh-key', 'broken');
    const login = link('power-login', 'broken', { target: devvm });
    const other = link('power-login', 'works', { target: 'db-1' as TargetName });
    const waits = (because: Link['code']) => link('power-status', 'not-checked', { target: devvm, because });
    expect(blockerOf(waits('power-login'), examined(other, login))).toBe(login);
    expect(blockerOf(waits('ssh-key'), examined(own, login))).toBe(own);
    expect(blockerOf(waits('ssh-key'), examined(login))).toBeUndefined();
  });
});
