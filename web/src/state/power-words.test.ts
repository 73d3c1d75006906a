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
      { tone: 'good', text: 'SSH answers' },
      { tone: 'bad', text: 'SSH refused' },
      { tone: 'bad', text: 'SSH silent' },
      { tone: 'unknown', text: 'SSH unreachable' },
      { tone: 'unknown', text: 'SSH unknown' },
    ]);
    expect(sshLamp(undefined)).toEqual({ tone: 'unknown', text: 'SSH unknown' });
  });
});
