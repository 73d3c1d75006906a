import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SseParser } from './sse-parser.ts';

const parse = (...chunks: string[]) => {
  const parser = new SseParser();
  return chunks.flatMap((chunk) => parser.push(chunk));
};

describe('SseParser', () => {
  it('reads data, id and event of a frame', () => {
    expect(parse('id: 7\nevent: caught-up\ndata: {}\n\n')).toEqual([
      { event: 'caught-up', data: '{}', id: '7' },
    ]);
  });

  it('gives a frame only once its blank line came', () => {
    const parser = new SseParser();
    expect(parser.push('data: a\n')).toEqual([]);
    expect(parser.push('\n')).toEqual([{ event: 'message', data: 'a' }]);
  });

  it('never gives a frame without data, and a comment is none', () => {
    expect(parse(': warm\n\nevent: x\nid: 3\n\n')).toEqual([]);
  });

  it('does not carry the id of one frame over to the next', () => {
    expect(parse('id: 1\ndata: a\n\ndata: b\n\n')[1]).toEqual({ event: 'message', data: 'b' });
  });

  it('joins several data lines', () => {
    expect(parse('data: a\ndata:b\ndata\n\n')).toEqual([{ event: 'message', data: 'a\nb\n' }]);
  });

  it('takes CRLF and CR, and a CRLF cut in two ends one line only', () => {
    expect(parse('data: a\r', '\ndata: b\r\n\r\n')).toEqual([{ event: 'message', data: 'a\nb' }]);
    expect(parse('data: a\r\r')).toEqual([{ event: 'message', data: 'a' }]);
  });

  it('gives the same frames wherever the stream is cut', () => {
    const stream =
      '\uFEFFid: 1\r\ndata: {"kind":"user","text":"é: x"}\r\n\r\n: warm\n\nid: 2\ndata: a\ndata: b\n\nevent: caught-up\ndata: {}\n\n';
    const whole = parse(stream);
    expect(whole).toHaveLength(3);
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length), { maxLength: 12 }), (cuts) => {
        const points = [0, ...cuts.toSorted((a, b) => a - b), stream.length];
        expect(parse(...points.slice(1).map((end, index) => stream.slice(points[index], end)))).toEqual(
          whole,
        );
      }),
    );
  });
});
