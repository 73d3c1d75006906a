import { describe, expect, it } from 'vitest';
import { sshLamp } from './power-words.ts';

describe('the lamp of SSH', () => {
  it('has a word of its own for each reading: a refusal is a sign of life, and no route is no silence', () => {
    const lamps = (
      [
        { answers: true, reading: 'works' },
        { answers: false, reading: 'refused' },
        { answers: false, reading: 'silent' },
        { answers: null, reading: 'unreachable' },
        { answers: null, reading: 'unknown' },
      ] as const
    ).map((reading) => sshLamp({ ...reading, at: null }));
    expect(lamps).toEqual([
      { tone: 'ok', text: 'SSH answers' },
      { tone: 'warn', text: 'SSH refused' },
      { tone: 'warn', text: 'SSH silent' },
      { tone: 'none', text: 'SSH unreachable' },
      { tone: 'none', text: 'SSH unknown' },
    ]);
    expect(sshLamp(undefined)).toEqual({ tone: 'none', text: 'SSH unknown' });
  });
});
