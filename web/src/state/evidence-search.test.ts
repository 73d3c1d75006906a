import { expect, it } from 'vitest';
import { searchSections } from './evidence-search.ts';

const section = (name: string, text: string) => ({ name, text, truncated: false });

it('finds lines with their numbers, without regard to case, and nothing is asked for when nothing is typed', () => {
  const sections = [section('journal.txt', 'one\nTwo kvm\nthree'), section('qmp-a.jsonl', 'KVM\n')];
  expect(searchSections(sections, '  ')).toBeNull();
  expect(searchSections(sections, 'kvm')).toEqual({
    found: [
      { name: 'journal.txt', lines: [{ number: 2, text: 'Two kvm' }] },
      { name: 'qmp-a.jsonl', lines: [{ number: 1, text: 'KVM' }] },
    ],
    lines: 2,
    cut: false,
  });
});

it('shows a long line around the match, and says when there are more lines than are shown', () => {
  const long = `${'a'.repeat(5_000)}needle${'b'.repeat(5_000)}`;
  const text = searchSections([section('x', long)], 'needle')?.found[0]?.lines[0]?.text ?? '';
  expect(text).toContain('needle');
  expect(text.length).toBeLessThan(420);
  const many = searchSections([section('x', 'needle\n'.repeat(500))], 'needle');
  expect(many).toMatchObject({ lines: 500, cut: true });
  expect(many?.found[0]?.lines).toHaveLength(400);
});
